// Certificates through their real entry points: a wallet signs in, the chain says who it is, the command line does the rest.
import { execFile, execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import { DecloudError, leaseAccessAbi, nodeRegistryAbi } from '@decloud/protocol'
import { type Hex, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { getCertificate } from '../../../scripts/lib/guest-login.ts'
import type { Signer } from '../../../scripts/lib/node-session.ts'
import { giveOrder } from '../../../scripts/lib/orders.ts'
import { closeLease } from '../../../scripts/lib/tenant.ts'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { ROLES } from '../../../test/world/market.ts'
import { EVENTS_FILE } from '../../src/events/event-log.ts'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'
import { type Bench, makeBench, until } from '../helpers/node.ts'
import { type OrderNode, startOrderNode } from '../helpers/orders.ts'

const LEASE_CLI = new URL('../../../scripts/lease.ts', import.meta.url).pathname
const GUEST = 7
const STRANGER = ROLES.stranger
const LEVEL = { None: 0, Viewer: 1, User: 2, Manager: 3 } as const

let bench: Bench
let node: OrderNode
let leaseId: Hex
beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 50 } })
  node = await startOrderNode(bench)
  await send(ROLES.firstOperator, bench.deployment.nodeRegistry, {
    ...{ abi: nodeRegistryAbi, functionName: 'setEndpoint', args: [bench.registered.node, node.url] },
  })
  leaseId = await bench.open()
  await until(node, leaseId, (vm) => vm.status === 'Running' && vm.manifestSeen !== null)
})
afterAll(async () => {
  await node?.close()
  await bench?.close()
})

type Call = { abi: unknown; functionName: string; args: readonly unknown[] }
const send = async (index: number, address: Hex, call: Call) => {
  // The caller names a function of the ABI it gives; that is not worth the types here.
  const hash = await bench.anvil.wallet(index).writeContract({ address, ...call } as never)
  const receipt = await bench.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  expect(receipt.status).toBe('success')
}
const access = (functionName: 'grant' | 'revoke', ...args: unknown[]) =>
  send(ROLES.tenant, bench.deployment.leaseAccess!, {
    ...{ abi: leaseAccessAbi, functionName, args: [leaseId, ...args] },
  })
const addressOf = (index: number) => bench.anvil.account(index).address
/** One for each, so that a session is kept from before a change. */
const signers = new Map<number, Signer>()
const signer = (index: number): Signer => {
  const known = signers.get(index) ?? { chain: bench.tenant.chain, account: bench.anvil.account(index) }
  signers.set(index, known)
  return known
}
const ask = (index: number, publicKey = makeKeyPair().publicKey) =>
  getCertificate(signer(index), leaseId, publicKey)
const refusal = (asked: Promise<unknown>) =>
  asked.then(
    () => 'issued',
    (error: unknown) => (error instanceof DecloudError ? error.code : String(error)),
  )
/** As an operator finds them in the file. */
const issued = () => eventsOf('ssh.certificate')
const eventsOf = (kind: string) => {
  const db = openDatabase(join(bench.config.dataDir, EVENTS_FILE))
  try {
    const rows = db.prepare('SELECT leaseId, byWhom, details FROM events WHERE kind = ?').all(kind)
    return rows as { leaseId: string; byWhom: string; details: string }[]
  } finally {
    db.close()
  }
}

describe('a certificate', () => {
  it('is for the tenant and for whoever was let in to use the machine, for as long as that stands', async () => {
    const { certificate, ssh, keyId } = await ask(ROLES.tenant)
    expect(keyId).toBe(`wallet=${addressOf(ROLES.tenant)} lease=${leaseId}`)
    expect(certificate).toMatch(/^ssh-ed25519-cert-v01@openssh\.com /)
    expect(ssh).toMatchObject({ user: 'decloud', port: 22 })

    expect(await refusal(ask(STRANGER))).toBe('wallet-unknown')
    await access('grant', addressOf(GUEST), LEVEL.Viewer)
    expect(await eventually(() => refusal(ask(GUEST)), 'level-too-low')).toBe('level-too-low')
    await access('grant', addressOf(GUEST), LEVEL.User)
    expect(await eventually(() => refusal(ask(GUEST)), 'issued')).toBe('issued')
    await access('revoke', addressOf(GUEST))
    expect(await eventually(() => refusal(ask(GUEST)), 'lease-unknown')).toBe('lease-unknown')
    expect(await refusal(ask(STRANGER))).toBe('wallet-unknown')
  })

  it('is in the event log, with who got it and until when, and nothing secret', async () => {
    const events = issued()
    expect(new Set(events.map(({ byWhom }) => byWhom))).toEqual(
      new Set([addressOf(ROLES.tenant), addressOf(GUEST)]),
    )
    for (const { leaseId: about, details } of events) {
      expect(about).toBe(leaseId)
      expect(Object.keys(JSON.parse(details)).sort()).toEqual([
        ...['keyId', 'principals', 'serial', 'validAfter', 'validBefore'],
      ])
    }
  })

  it('is not made of a key that is weak, damaged, or none, and the reason is said', async () => {
    const before = issued().length
    const file = join(bench.config.dataDir, 'weak')
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '1024', '-N', '', '-f', file])
    const asked = [
      await readFile(`${file}.pub`, 'utf8'),
      `command="id" ${makeKeyPair().publicKey}`,
      'nonsense',
    ]
    for (const line of asked) {
      await expect(ask(ROLES.tenant, line)).rejects.toMatchObject({
        code: 'ssh-key-refused',
        message: expect.stringMatching(/^The key is .+/),
      })
    }
    expect(await refusal(ask(ROLES.tenant, makeKeyPair().privateKey))).toBe('private-key')
    expect(issued()).toHaveLength(before)
  })
})

/** The levels of the chain are remembered for seconds. */
const eventually = async (look: () => Promise<string>, wanted: string, deadlineMs = 20_000) => {
  let seen = await look()
  for (const end = Date.now() + deadlineMs; seen !== wanted && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    seen = await look()
  }
  return seen
}

describe('the command line', () => {
  const run = (args: string[], extra: Record<string, string> = {}) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const env = {
        ...bareEnv(),
        PATH: `${join(bench.config.dataDir, 'bin')}:${process.env['PATH']}`,
        HOME: bench.config.dataDir,
        DECLOUD_RPC_URLS: bench.anvil.rpcUrl,
        DECLOUD_DEPLOYMENT: join(bench.config.dataDir, 'deployment.json'),
        DECLOUD_KEY: toHex(bench.anvil.account(ROLES.tenant).getHdKey().privateKey!),
        ...extra,
      }
      execFile(process.execPath, [LEASE_CLI, ...args], { env, timeout: 60_000 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr }),
      )
    })
  const file = (name: string) => join(bench.config.dataDir, name)

  beforeAll(async () => {
    await writeFile(file('deployment.json'), JSON.stringify(bench.deployment))
    await writeFile(file('mine.pub'), `${makeKeyPair().publicKey} me@laptop\n`)
    // What ssh is given, by an ssh that reads it: a simulated guest has no server to log in to.
    await mkdir(file('bin'))
    const stand = `#!/bin/sh
for arg; do case $arg in
  IdentityFile=*) stat -c '%a %n' "\${arg#*=}"; dirname "\${arg#*=}" > ${file('used')} ;;
  CertificateFile=*) ssh-keygen -L -f "\${arg#*=}" ;;
  UserKnownHostsFile=*) cat "\${arg#*=}" ;;
  *) printf '[%s]\\n' "$arg" ;;
esac; done
exit 7
`
    await writeFile(file('bin/ssh'), stand, { mode: 0o755 })
  })

  it('writes a certificate beside the key, where ssh finds it', async () => {
    const { code, stdout, stderr } = await run(['certificate', leaseId, '--key', file('mine.pub'), '--json'])
    expect(stderr).toContain('known_hosts: 10.77.')
    expect(code).toBe(0)
    const { path, serial } = JSON.parse(stdout) as { path: string; serial: string }
    expect(path).toBe(file('mine-cert.pub'))
    expect(execFileSync('ssh-keygen', ['-L', '-f', path], { encoding: 'utf8' })).toContain(serial)
  })

  it('logs in with a key of its own, the certificate, and one host key; its exit code is that of ssh', async () => {
    const { code, stdout } = await run(['ssh', leaseId, '--', 'echo', 'it’s me'])
    expect(code).toBe(7)
    const { sshHostKey, ipv4 } = node.vm(leaseId)!.facts!
    for (const part of [
      '600 ',
      `Key ID: "wallet=${addressOf(ROLES.tenant)}`,
      `${ipv4} ${sshHostKey}`,
      '[StrictHostKeyChecking=yes]',
      '[IdentitiesOnly=yes]',
      '[GlobalKnownHostsFile=/dev/null]',
      '[HostKeyAlgorithms=ssh-ed25519]',
      `[decloud@${ipv4}]\n[echo]\n[it’s me]`,
    ]) {
      expect(stdout).toContain(part)
    }
    const folder = (await readFile(file('used'), 'utf8')).trim()
    await expect(readFile(join(folder, 'key'))).rejects.toMatchObject({ code: 'ENOENT' })
    const asked = await run(['ssh', leaseId, '--json', '--', 'true'])
    expect([asked.code, JSON.parse(asked.stdout)]).toMatchObject([7, { leaseId, exitCode: 7 }])
  })

  it('says what is missing, and lets no stranger in', async () => {
    expect(await run(['certificate', leaseId])).toMatchObject({ code: 2 })
    expect((await run(['ssh', leaseId, '--json'])).code).toBe(2)
    const key = toHex(bench.anvil.account(STRANGER).getHdKey().privateKey!)
    const stranger = await run(['ssh', leaseId], { DECLOUD_KEY: key })
    expect(stranger.code).toBe(1)
    expect(stranger.stdout).toBe('')
    expect(stranger.stderr.trim().split('\n')).toHaveLength(1)
  })

  it('does not log in when the host key is not the one on chain', async () => {
    const vm = node.vm(leaseId)!
    const other = { ...vm.facts!, sshHostKey: makeKeyPair().publicKey }
    node.context.deps.store.put({ ...vm, facts: other, checkedMs: Date.now() })
    const { code, stdout, stderr } = await run(['ssh', leaseId])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/another SSH host key than it posted on chain/)
    node.context.deps.store.put({ ...node.vm(leaseId)!, facts: vm.facts })
  })
})

it('is not issued without end', async () => {
  const outcomes: string[] = []
  for (let i = 0; i < 25; i++) outcomes.push(await refusal(ask(ROLES.tenant)))
  expect(outcomes).toContain('rate-limited')
  expect(outcomes[0]).toBe('issued')
})

it('a guest that answers with another host key than it was given is noted', async () => {
  const seed = join(bench.config.dataDir, 'seeds', `${leaseId.slice(2)}.iso`)
  const given = await readFile(seed, 'utf8')
  const { host } = (await node.context.deps.keys.of(leaseId))!
  expect(eventsOf('ssh.host-key-differs')).toEqual([])
  await writeFile(seed, given.replace(host.publicKey, makeKeyPair().publicKey))
  const { bootId } = node.vm(leaseId)!.facts!
  await giveOrder(bench.tenant, { leaseId, action: 'Reboot', onChain: false, pollMs: 100 })
  await until(node, leaseId, (vm) => vm.facts !== null && vm.facts.bootId !== bootId)
  expect(eventsOf('ssh.host-key-differs')).toHaveLength(1)
})

it('ends with the lease', async () => {
  await closeLease(bench.tenant, leaseId)
  await until(node, leaseId, (vm) => vm.status === 'Deleted')
  expect(await eventually(() => refusal(ask(ROLES.tenant)), 'level-too-low')).toBe('level-too-low')
})
