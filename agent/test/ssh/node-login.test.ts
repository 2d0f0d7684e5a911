import { expect, test } from 'vitest'
import { admitted, type VmRecord } from '../../src/domain/vm.ts'
import { parseSubnet } from '../../src/hypervisor/ipv4.ts'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'
import { makeNodeLogin } from '../../src/ssh/node-login.ts'
import { makeMemoryKeys } from '../helpers/keys.ts'

const LEASE = `0x${'a1'.repeat(32)}` as const
const host = makeKeyPair()

const running = (change: Partial<VmRecord> = {}): VmRecord => ({
  ...admitted(LEASE, 0, 0),
  status: 'Running',
  facts: { bootId: 'b', ipv4: '10.77.0.9', sshHostKey: host.publicKey, sshHostKeyFingerprint: '0x01' },
  ...change,
})
const network = parseSubnet('10.77.0.0/24')
const loginTo = (vm: VmRecord | null, keys = makeMemoryKeys()) =>
  makeNodeLogin({ keys, store: { get: () => vm }, network })(LEASE)

test("enters with the lease's own key, and takes the host key that the guest reported and no other", async () => {
  const keys = makeMemoryKeys()
  const { login } = await keys.ensure(LEASE)
  const to = await loginTo(running(), keys)
  expect(to).toEqual({
    ...{ host: '10.77.0.9', port: 22, username: 'decloud', privateKey: login.privateKey },
    hostKey: host.publicKey,
  })
})

test.each([
  ['no record of the lease', null],
  ['a guest that has not reported yet', running({ facts: null })],
  ['a guest that is stopped', running({ status: 'Stopped' })],
])('%s: not entered', async (_, vm) => {
  await expect(loginTo(vm)).rejects.toMatchObject({ code: 'guest-not-running' })
})

test('a guest set up without a key for the node is not entered, and it is said what to do', async () => {
  await expect(loginTo(running())).rejects.toMatchObject({
    code: 'guest-login-missing',
    hint: expect.stringContaining('reinstall'),
  })
})

test.each([
  '127.0.0.1',
  '10.77.0.1',
  '10.77.1.9',
  '192.168.1.7',
  '10.77.0.9.example',
  'localhost',
  '10.77.9',
  '',
])('a guest that says it is at %j is not followed there', async (ipv4) => {
  const keys = makeMemoryKeys()
  await keys.ensure(LEASE)
  const facts = { bootId: 'b', ipv4, sshHostKey: host.publicKey, sshHostKeyFingerprint: '0x01' } as const
  await expect(loginTo(running({ facts }), keys)).rejects.toMatchObject({ code: 'guest-unreachable' })
})
