// History for those who ask once: what a follower has stored is not asked for again, and is believed only while it is final,
// read twice and of the chain that the RPC is on.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addressesOf } from '@decloud/protocol'
import Sqlite from 'better-sqlite3'
import { type Hex, hexToBigInt } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Chain,
  connect,
  lastLogs,
  makeFollower,
  openDatabase,
  openStoredLogs,
  pastLogs,
} from '../src/index.ts'
import { type Local, startLocal, TENANT } from './local.ts'
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts'

const LEASES = 6
const SPREAD = 300

let local: Local
let proxy: RpcProxy
let chain: Chain
let folder: string
let file: string
let ids: Hex[]
/** Ranges of `eth_getLogs` that were answered since the last look. */
let asked: { from: bigint; to: bigint }[] = []

const question = async () => ({
  what: 'read the past',
  addresses: addressesOf(local.deployment),
  topics: [null, ids],
  head: await local.anvil.client.getBlockNumber({ cacheTime: 0 }),
})

beforeAll(async () => {
  local = await startLocal()
  proxy = await startRpcProxy(local.anvil.rpcUrl)
  proxy.judge = ({ method, params }) => {
    if (method !== 'eth_getLogs') return 'forward'
    const { fromBlock, toBlock } = params![0] as { fromBlock: Hex; toBlock: Hex }
    const range = { from: hexToBigInt(fromBlock), to: hexToBigInt(toBlock) }
    if (range.to - range.from >= 600n) return { error: { code: -32_602, message: 'range too wide' } }
    asked.push(range)
    return 'forward'
  }
  await local.register()
  await local.fund(TENANT, 10_000_000n)
  ids = []
  for (let nth = 0; nth < LEASES; nth++) {
    ids.push(await local.open(TENANT, 1))
    await local.anvil.client.mine({ blocks: SPREAD })
  }
  chain = await connect({ urls: [proxy.url], deployment: local.deployment, retries: 0 })
  folder = await mkdtemp(join(tmpdir(), 'decloud-past-'))
  file = join(folder, 'agent.db')
  await followTo(file)
})
afterAll(async () => {
  await proxy?.close()
  await local?.stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  asked = []
})

/** Fills a store as an agent does, until what is final was read a second time. */
const followTo = async (path: string) => {
  const db = openDatabase(path)
  const own = await connect({ urls: [local.anvil.rpcUrl], deployment: local.deployment })
  const follower = makeFollower({ chain: own, db, projectors: [] })
  follower.start()
  const head = await local.anvil.client.getBlockNumber({ cacheTime: 0 })
  const verified = () => Number(db.prepare('SELECT verified FROM feed_state').pluck().get() ?? 0)
  const end = Date.now() + 30_000
  while (verified() < Number(head) - 10) {
    if (Date.now() > end) throw new Error(`verified through ${verified()} of ${head}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await follower.close()
  db.close()
}

describe('what was logged', () => {
  it('is the same from the store and from the RPC, which is only asked for what is not stored', async () => {
    const before = await pastLogs(chain, await question())
    expect(before.length).toBeGreaterThan(LEASES)
    expect(asked[0]?.from).toBe(BigInt(local.deployment.fromBlock))
    ids.push(await local.open(TENANT, 1))
    asked = []
    const all = await pastLogs(chain, await question())
    const ranges = asked.length
    asked = []
    const stored = (await openStoredLogs(chain, file))!
    try {
      const told: bigint[] = []
      const beside = await pastLogs(chain, await question(), { stored, onRange: (_, of) => told.push(of) })
      const key = ({ blockHash, logIndex, timestamp }: (typeof all)[number]) =>
        `${blockHash} ${logIndex} ${timestamp}`
      expect(beside.map(key)).toEqual(all.map(key))
      expect(beside.length).toBeGreaterThan(before.length)
      expect(asked.every(({ from }) => from > stored.through)).toBe(true)
      expect(asked.length).toBeLessThan(ranges)
      expect(told).toEqual([(await question()).head - stored.through])
      const early = await pastLogs(chain, { ...(await question()), head: before[2]!.blockNumber }, { stored })
      expect(early.map(key)).toEqual(
        all.filter(({ blockNumber }) => blockNumber <= before[2]!.blockNumber).map(key),
      )
    } finally {
      stored.close()
    }
  })

  it('is read backwards no further than it has to be', async () => {
    const wanted = ids.at(-2)!
    const logs = await lastLogs(chain, await question(), ({ topics }) => topics[1] === wanted)
    expect(logs.map(({ topics }) => topics[1])).toContain(wanted)
    expect(logs.map(({ topics }) => topics[1])).not.toContain(ids[0])
    const lowest = asked.reduce((low, { from }) => (from < low ? from : low), asked[0]!.from)
    asked = []
    expect(await lastLogs(chain, await question(), () => false)).toEqual(
      await pastLogs(chain, await question()),
    )
    expect(asked.some(({ from }) => from < lowest)).toBe(true)
  })

  it('is not taken from a store that is damaged, foreign, of another chain, or not final', async () => {
    expect(await openStoredLogs(chain, join(folder, 'none.db'))).toBeNull()
    await writeFile(join(folder, 'garbage.db'), 'not a database at all'.repeat(500))
    expect(await openStoredLogs(chain, join(folder, 'garbage.db'))).toBeNull()
    openDatabase(join(folder, 'empty.db')).close()
    expect(await openStoredLogs(chain, join(folder, 'empty.db'))).toBeNull()
    let copies = 0
    const changed = async (sql: string) => {
      copies += 1
      const path = join(folder, `copy-${copies}.db`)
      const source = new Sqlite(file, { readonly: true })
      await source.backup(path)
      source.close()
      const db = new Sqlite(path)
      db.exec(sql)
      db.close()
      const stored = await openStoredLogs(chain, path)
      stored?.close()
      return stored?.through ?? null
    }
    expect(await changed('SELECT 1')).toBeGreaterThan(0n)
    expect(await changed("UPDATE feed_state SET escrow = '0x00'")).toBeNull()
    expect(await changed('UPDATE feed_state SET chain_id = 1')).toBeNull()
    expect(await changed('UPDATE feed_state SET verified = NULL')).toBeNull()
    expect(await changed('UPDATE feed_state SET finalized = NULL')).toBeNull()
    expect(await changed('UPDATE feed_state SET broken_through = finalized')).toBeNull()
    expect(await changed(`UPDATE feed_state SET contents = '{"contracts":[]}'`)).toBeNull()
    expect(await changed(`UPDATE feed_state SET contents = 'x'`)).toBeNull()
    expect(await changed(`UPDATE feed_blocks SET hash = '0x${'ab'.repeat(32)}'`)).toBeNull()
  })
})
