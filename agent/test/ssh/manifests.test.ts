// Manifests as they change: sealed to another epoch of the node's key, and posted anew by their tenant.
import { execFile } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Manifest,
  manifestCommitment,
  manifestPayload,
  type Recipient,
  sealManifest,
} from '@decloud/protocol'
import { bytesToHex, type Hex, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postOnChain, sealFor } from '../../../scripts/lib/any-node.ts'
import { giveOrder } from '../../../scripts/lib/orders.ts'
import { closeLease, sealingKeyOf } from '../../../scripts/lib/tenant.ts'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { ROLES, setEndpoint } from '../../../test/world/market.ts'
import { readSealingKeys } from '../../src/config/secrets.ts'
import { tryLock } from '../../src/lib/file-lock.ts'
import type { Agent } from '../../src/main.ts'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'
import { type Bench, MANIFEST, makeBench, until } from '../helpers/node.ts'

const NODE_CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname

let bench: Bench
let agent: Agent
let sealingKeys: string
let env: Record<string, string>
/** What the agent finds in the file. */
let visible = () => readSealingKeys(sealingKeys)

beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 50 } })
  sealingKeys = join(bench.config.dataDir, 'sealing.json')
  await writeFile(sealingKeys, JSON.stringify({ 1: bench.registered.sealingKey.privateKey }), { mode: 0o600 })
  await writeFile(join(bench.config.dataDir, 'deployment.json'), JSON.stringify(bench.deployment))
  env = {
    ...bareEnv(),
    DECLOUD_RPC_URLS: bench.anvil.rpcUrl,
    DECLOUD_DEPLOYMENT: join(bench.config.dataDir, 'deployment.json'),
    DECLOUD_DATA_DIR: join(bench.config.dataDir, 'operator'),
    DECLOUD_NODE: String(bench.registered.node),
    DECLOUD_SEALING_KEYS: sealingKeys,
    DECLOUD_OPERATOR_KEY: keyOf(bench.registered.operator),
  }
  agent = await bench.start({}, {}, { rereadSealingKeys: () => visible() })
  await setEndpoint(bench.anvil, bench.deployment, bench.registered, agent.url)
})
afterAll(() => bench?.close())

const keyOf = (index: number) => toHex(bench.anvil.account(index).getHdKey().privateKey!)
const rotate = (changed: Record<string, string> = {}) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { env: { ...env, ...changed }, timeout: 120_000 }
    execFile(process.execPath, [NODE_CLI, 'keys', 'rotate', '--json'], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr }),
    )
  })
const epochOf = async () => (await sealingKeyOf(bench.tenant.chain, bench.registered.node)).epoch
const epochs = () => [...readSealingKeys(sealingKeys).keys()].sort()
const present = (): Promise<Recipient> => sealingKeyOf(bench.tenant.chain, bench.registered.node)

const seedOf = (leaseId: Hex) =>
  readFile(join(bench.config.dataDir, 'seeds', `${leaseId.slice(2)}.iso`), 'utf8')
const running = (leaseId: Hex) =>
  until(agent, leaseId, (vm) => vm.status === 'Running' && vm.manifestSeen !== null)
const post = async (leaseId: Hex, manifest: Manifest, to?: Recipient) => {
  const payload = manifestPayload(manifest, bytesToHex(crypto.getRandomValues(new Uint8Array(32))))
  const { node } = bench.registered
  const { chainId, leaseEscrow: escrow } = bench.deployment
  const sealed =
    to === undefined
      ? await sealFor(bench.tenant, leaseId, node, bytesToHex(payload))
      : await sealManifest(payload, { chainId, escrow, leaseId, node }, [to])
  const commitment = manifestCommitment(payload)
  await postOnChain(bench.tenant, { leaseId, sealed, commitment })
  return commitment
}
const [FIRST, SECOND] = [makeKeyPair().publicKey, makeKeyPair().publicKey]

describe('a node that rotates its sealing key', () => {
  let old: Hex

  it('has the private half on disk before the registry hears of the public one, and goes on where it was cut', async () => {
    old = await bench.open()
    await running(old)
    // Cut after the file and before the transaction: its operator has no gas.
    const { address } = bench.anvil.account(bench.registered.operator)
    await bench.anvil.client.setBalance({ address, value: 0n })
    const cut = await rotate()
    expect(cut.code).not.toBe(0)
    expect([await epochOf(), epochs()]).toEqual([1, [1, 2]])
    const left = readSealingKeys(sealingKeys).get(2)

    await bench.anvil.client.setBalance({ address, value: 10n ** 18n })
    const done = await rotate()
    expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining('in the file already') })
    expect(JSON.parse(done.stdout)).toMatchObject({ epoch: 2, sealingPublicKey: (await present()).publicKey })
    expect([await epochOf(), epochs(), readSealingKeys(sealingKeys).get(2)]).toEqual([2, [1, 2], left])
    expect((await stat(sealingKeys)).mode & 0o777).toBe(0o600)
  })

  it('opens what is sealed to the new epoch without a restart, and the old as before', async () => {
    const fresh = await bench.open()
    await running(fresh)
    // Set up anew, from the manifest that was sealed to the first epoch.
    await giveOrder(bench.tenant, { leaseId: old, action: 'Reinstall', onChain: false, pollMs: 100 })
    expect(agent.vm(old)).toMatchObject({ status: 'Running', image: 'debian-12', reason: null })
    await closeLease(bench.tenant, fresh)
  })

  it('is one at a time', async () => {
    const unlock = tryLock(`${sealingKeys}.lock`)
    try {
      const second = await rotate()
      expect(second.code).not.toBe(0)
      expect(second.stderr).toMatch(/under way/)
    } finally {
      unlock?.()
    }
    expect([await epochOf(), epochs()]).toEqual([2, [1, 2]])
  })

  it('refuses who is not the operator, and a file without the present key, and changes nothing', async () => {
    const before = await readFile(sealingKeys, 'utf8')
    const stranger = await rotate({ DECLOUD_OPERATOR_KEY: keyOf(ROLES.stranger) })
    expect(stranger.code).not.toBe(0)
    expect(stranger.stderr).toMatch(/operator/)
    const lost = join(bench.config.dataDir, 'lost.json')
    await writeFile(lost, JSON.stringify({ 1: bench.registered.sealingKey.privateKey }), { mode: 0o600 })
    const without = await rotate({ DECLOUD_SEALING_KEYS: lost })
    expect(without.code).not.toBe(0)
    expect(without.stderr).toMatch(/does not hold the present key/)
    expect(await readFile(sealingKeys, 'utf8')).toBe(before)
    expect(await readFile(lost, 'utf8')).not.toContain('"2"')
  })

  it('refuses no tenant for a key that its agent has not been given: the lease waits, and goes on', async () => {
    const before = readSealingKeys(sealingKeys)
    visible = () => before
    expect(await rotate()).toMatchObject({ code: 0 })
    const leaseId = await bench.open()
    const waiting = await until(agent, leaseId, (vm) => vm.reason?.code === 'sealing-key-missing')
    expect(waiting.refused).toBe(false)
    visible = () => readSealingKeys(sealingKeys)
    await running(leaseId)
    await closeLease(bench.tenant, leaseId)
  })
})

describe('a manifest that its tenant posts anew', () => {
  it('takes effect in the running guest, and the whole of it at a reinstall', async () => {
    const leaseId = await bench.open({ manifest: { ...MANIFEST, sshKeys: [FIRST] } })
    const first = await running(leaseId)
    expect(await seedOf(leaseId)).toContain(FIRST)
    const commitment = await post(leaseId, { ...MANIFEST, image: 'tiny', sshKeys: [SECOND] })
    const second = await until(agent, leaseId, (vm) => vm.manifestSeen === commitment)
    expect(second).toMatchObject({ status: 'Running', image: 'debian-12', facts: first.facts })
    const seed = await seedOf(leaseId)
    expect(seed).toContain(SECOND)
    expect(seed).not.toContain(FIRST)
    await giveOrder(bench.tenant, { leaseId, action: 'Reinstall', onChain: false, pollMs: 100 })
    expect(agent.vm(leaseId)).toMatchObject({ image: 'tiny', facts: { sshHostKey: first.facts?.sshHostKey } })
    await closeLease(bench.tenant, leaseId)
  })

  it('that nobody here can open leaves the one before in force, and its tenant is told; the next one counts', async () => {
    const leaseId = await bench.open({ manifest: { ...MANIFEST, sshKeys: [FIRST] } })
    await running(leaseId)
    const stranger = { publicKey: `0x${'09'.repeat(32)}` as Hex, epoch: await epochOf() }
    const closed = await post(leaseId, { ...MANIFEST, sshKeys: [SECOND] }, stranger)
    const told = await until(agent, leaseId, (vm) => vm.manifestSeen === closed)
    expect(told).toMatchObject({ status: 'Running', reason: { code: 'manifest-unopened' } })
    expect(await seedOf(leaseId)).toContain(FIRST)
    const open = await post(leaseId, { ...MANIFEST, sshKeys: [SECOND] })
    await until(agent, leaseId, (vm) => vm.manifestSeen === open && vm.reason === null)
    expect(await seedOf(leaseId)).toContain(SECOND)
    await closeLease(bench.tenant, leaseId)
  })
})
