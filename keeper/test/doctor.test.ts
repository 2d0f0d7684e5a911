import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { openDatabase, saveKey } from '@decloud/chain'
import type { Finding } from '@decloud/service/doctor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { KEEPER, type Local, startLocal } from '../../chain/test/local.ts'
import { loadConfig } from '../src/config/load.ts'
import { examine } from '../src/doctor/examine.ts'
import { type FaultyRpc, makeFaultyRpc } from './faulty-rpc.ts'
import { type Harness, keyOf, makeHarness } from './harness.ts'

let local: Local
let harness: Harness
let rpc: FaultyRpc
beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  rpc = await makeFaultyRpc(local.anvil.rpcUrl, '/v2/key-of-a-provider-9')
})
afterAll(async () => {
  await rpc?.close()
  await harness?.close()
  await local?.stop()
})

type Raw = Parameters<Harness['raw']>[0] & Record<string, unknown>

const look = async (change: Raw = {}, env: Record<string, string> = {}): Promise<Finding[]> => {
  const folder = harness.freshFolder()
  mkdirSync(folder, { mode: 0o700 })
  const file = join(folder, 'config.json')
  writeFileSync(file, JSON.stringify({ ...harness.raw(), dataDir: folder, ...change }))
  return examine(() => loadConfig({ file, env }))
}
const faultsOf = (findings: readonly Finding[]) =>
  findings.filter(({ level }) => level === 'fault').map(({ code }) => code)
const codesOf = (findings: readonly Finding[]) => findings.map(({ code }) => code)

it('finds nothing wrong with a keeper that has all it needs, whether it runs or not', async () => {
  const env = { DECLOUD_KEEPER_PRIVATE_KEY: keyOf(local) }
  const before = await look({}, env)
  expect(faultsOf(before)).toEqual([])
  expect(before.find(({ check }) => check === 'role scheduler')?.level).toBe('ok')
  const dataDir = harness.freshFolder()
  const keeper = await harness.boot({ dataDir })
  await keeper.synced()
  await keeper.audit()
  const beside = await look({ dataDir })
  expect(faultsOf(beside)).toEqual([])
  expect(beside.find(({ check }) => check === 'process')?.found).toContain(`process ${process.pid}`)
  expect(beside.find(({ check }) => check === 'audit')?.found).toMatch(/^equal/)
  await keeper.close()
})

it('says in words and by exit code what it found', async () => {
  const good = await harness.spawnVerb(['doctor'], harness.raw())
  expect(good.output).toContain('No fault found.')
  expect(good.code).toBe(0)
  const bad = await harness.spawnVerb(['doctor', '--json'], harness.raw({ rpcUrls: ['http://127.0.0.1:9'] }))
  expect(bad.code).toBe(1)
  expect(JSON.parse(bad.output)).toMatchObject({ faults: 1 })
})

it('names errors of the configuration, all of them', async () => {
  const found = await look({ port: -1, surplus: 1 })
  expect(faultsOf(found)).toEqual(['config-invalid', 'config-invalid'])
})

it.each<[string, Parameters<FaultyRpc['set']>[0], string]>([
  ['is down', { status: 503 }, 'rpc-unreachable'],
  ['speaks something else', { body: '<html>' }, 'rpc-unreachable'],
  [
    'serves another chain',
    { result: (call, r) => (call.method === 'eth_chainId' ? '0x89' : r) },
    'chain-id-wrong',
  ],
  ['has another clock', { clock: 3_600 }, 'clock-off'],
  [
    'has no contracts',
    { result: (call, r) => (call.method === 'eth_getCode' ? '0x' : r) },
    'contract-missing',
  ],
])('names an RPC that %s, and never its path', async (_, fault, code) => {
  rpc.set(fault)
  const found = await look({ rpcUrls: [rpc.url] })
  rpc.set({})
  expect(faultsOf(found)).toContain(code)
  expect(JSON.stringify(found)).not.toContain('key-of-a-provider')
})

it('names an RPC that lags, and two that disagree about what is final', async () => {
  await local.anvil.client.mine({ blocks: 40 })
  type Block = { number: string; hash: string }
  const isHead = (params: unknown[]) => params[0] === 'latest'
  rpc.set({
    result: (call, r) =>
      call.method === 'eth_getBlockByNumber' && isHead(call.params) ? { ...(r as Block), number: '0x1' } : r,
  })
  expect(faultsOf(await look({ rpcUrls: [local.anvil.rpcUrl, rpc.url] }))).toContain('rpc-lagging')
  rpc.set({
    result: (call, r) =>
      call.method === 'eth_getBlockByNumber' ? { ...(r as Block), hash: `0x${'e'.repeat(64)}` } : r,
  })
  expect(faultsOf(await look({ rpcUrls: [local.anvil.rpcUrl, rpc.url] }))).toContain('rpc-disagree')
  rpc.set({})
})

it('names a key that cannot be opened, cannot pay, or that others may read', async () => {
  expect(codesOf(await look())).toContain('key-none')
  const folder = harness.freshFolder()
  mkdirSync(folder)
  await saveKey(join(folder, 'key'), keyOf(local, 77), 'right', 1 << 12)
  writeFileSync(join(folder, 'right'), 'right')
  writeFileSync(join(folder, 'wrong'), 'wrong')
  const env = (password: string) => ({
    DECLOUD_KEEPER_KEYSTORE: join(folder, 'key'),
    DECLOUD_KEEPER_PASSWORD_FILE: join(folder, password),
  })
  expect(faultsOf(await look({}, env('wrong')))).toEqual(['keystore-password-wrong'])
  const poor = await look({}, env('right'))
  expect(faultsOf(poor)).toEqual(['gas-none'])
  expect(codesOf(poor)).toEqual(expect.arrayContaining(['scheduler-not', 'attester-not', 'quorum-not']))
  const low = { ...{ address: local.anvil.account(77).address }, value: 10n ** 16n }
  await local.anvil.client.setBalance(low)
  chmodSync(join(folder, 'key'), 0o644)
  expect(faultsOf(await look({}, env('right')))).toEqual(['key-open', 'gas-low'])
  expect(KEEPER).not.toBe(77)
})

it('names ports that are taken', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  const { port } = squatter.address() as AddressInfo
  expect(faultsOf(await look({ port, metrics: { port: 0 } }))).toEqual(['port-occupied'])
  expect(faultsOf(await look({ metrics: { port } }))).toEqual(['port-occupied'])
  const listen = [`/ip4/127.0.0.1/tcp/${port}`]
  expect(faultsOf(await look({ gossip: { listen } }))).toEqual(['port-occupied'])
  squatter.close()
})

it('names a data folder that is open to others or has no room', async () => {
  const dataDir = harness.freshFolder()
  mkdirSync(dataDir)
  chmodSync(dataDir, 0o755)
  expect(faultsOf(await look({ dataDir }))).toEqual(['folder-open'])
  expect(faultsOf(await look({ health: { minFreeDiskMib: 900_000_000 } }))).toEqual(['disk-low'])
})

it('names databases that are damaged, foreign or of a later version, and an audit that failed', async () => {
  const dataDir = harness.freshFolder()
  const keeper = await harness.boot({ dataDir })
  await keeper.synced()
  await keeper.audit()
  await keeper.close()
  const touch = (name: string, sql: string) => {
    const db = openDatabase(join(dataDir, name))
    db.exec(sql)
    db.close()
  }
  touch('local.sqlite', "UPDATE audits SET outcome = 'different', differences = 3")
  expect(faultsOf(await look({ dataDir }))).toEqual(['audit-different'])
  touch('local.sqlite', "UPDATE audits SET outcome = 'equal', at = at - 200000")
  expect(codesOf(await look({ dataDir }))).toContain('audit-old')
  touch('local.sqlite', "UPDATE store_identity SET written_by = '99.0.0'")
  expect(faultsOf(await look({ dataDir }))).toEqual(['store-newer'])
  touch('local.sqlite', "UPDATE store_identity SET written_by = '0.0.1', chain_id = 137")
  touch('keeper.sqlite', 'UPDATE feed_state SET chain_id = 137')
  expect(faultsOf(await look({ dataDir }))).toEqual(['store-foreign', 'store-foreign'])
  writeFileSync(join(dataDir, 'keeper.sqlite'), 'x'.repeat(10_000))
  expect(faultsOf(await look({ dataDir }))).toEqual(['store-corrupt', 'store-foreign'])
})
