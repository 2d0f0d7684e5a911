// What a guest says of itself is its tenant's own to make up: nothing of it may pass for more than it is.
import { expect, test } from 'vitest'
import { checkSystem } from '../../src/guest/system-check.ts'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'

const MAC = '52:54:00:00:00:01'
const RESULT = JSON.stringify({ v1: { errors: [] } })
const { publicKey } = makeKeyPair()

/** @param hostKey the guest's file with its host key. */
const saying = (hostKey: string) =>
  checkSystem(
    {
      exec: async (_, [, file = '']) => ({
        ...{ exitCode: 0, stderr: '' },
        stdout: file.endsWith('.json') ? RESULT : hostKey,
      }),
      interfaces: async () => [{ name: 'eth0', mac: MAC, ipv4: ['10.77.0.9'], ipv6: [] }],
      bootId: async () => 'b',
    },
    '0xa1',
    MAC,
  )

test('a host key is one well-formed key, without its comment', async () => {
  expect(await saying(`${publicKey} root@guest\n`)).toMatchObject({
    state: 'ready',
    facts: { sshHostKey: publicKey },
  })
})

test.each([
  ['another line for known_hosts', `${publicKey}\n@cert-authority\t*\t${publicKey.replace(' ', '\t')}\n`],
  ['bytes that are no key', 'ssh-ed25519 AAAA\n'],
  ['a key without an end', `${publicKey}${'A'.repeat(100_000)}\n`],
  ['a key of another kind', 'ssh-rsa AAAAB3NzaC1yc2E=\n'],
])('%s is refused', async (_, hostKey) => {
  expect(await saying(hostKey)).toEqual({ state: 'failed', reason: 'the guest has no ed25519 host key' })
})
