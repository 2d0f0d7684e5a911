import { addressesOf, leaseEscrowAbi, makeLogDecoder, type ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import fc from 'fast-check'
import { encodeFunctionData, toHex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Chain,
  connect,
  type Follower,
  makeEventReader,
  makeFollower,
  openDatabase,
  type Projector,
} from '../src/index.ts'
import { type Local, startLocal, TENANT } from './local.ts'
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts'

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)

// Counts events by applying and reverting each: wrong as soon as one is seen twice, lost, or not taken back.
const tally: Projector = {
  migrate: (db) =>
    db.exec('CREATE TABLE IF NOT EXISTS tally (name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT'),
  apply: (db, events) => change(db, events, 1),
  revert: (db, events) => change(db, events, -1),
}
const change = (db: Database, events: readonly ProtocolEvent[], by: number) => {
  const put = db.prepare(
    'INSERT INTO tally VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n',
  )
  for (const event of events) put.run(event.name, by)
}
const tallies = (db: Database) =>
  Object.fromEntries(
    (
      db.prepare('SELECT name, n FROM tally WHERE n <> 0 ORDER BY name').all() as {
        name: string
        n: number
      }[]
    ).map((row) => [row.name, row.n]),
  )

let local: Local
let chain: Chain
let db: Database
let follower: Follower

const addresses = () => addressesOf(local.deployment)
const onChain = async () =>
  (await local.anvil.client.getLogs({ address: addresses(), fromBlock: 0n, toBlock: 'latest' })).map(
    (log) => `${log.blockHash} ${log.logIndex} ${log.data.length}`,
  )
const stored = () =>
  (
    db.prepare('SELECT * FROM feed_logs ORDER BY block_number, log_index').all() as Record<string, string>[]
  ).map((row) => `${row['block_hash']} ${row['log_index']} ${row['data']!.length}`)
const follow = (options: Partial<Parameters<typeof makeFollower>[0]> = {}) => {
  follower = makeFollower({ chain, db, projectors: [tally], ...options })
  follower.start()
  return follower
}
const settled = async () => {
  const head = await local.anvil.client.getBlock({ blockTag: 'latest' })
  await until(() => follower.health().cursor?.hash === head.hash)
}
const until = async (condition: () => boolean, deadlineMs = 10_000) => {
  const end = Date.now() + deadlineMs
  while (!condition()) {
    if (Date.now() > end)
      throw new Error(`not within ${deadlineMs} ms: ${JSON.stringify(follower.health(), bigints)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)

beforeAll(async () => {
  local = await startLocal()
  await local.register()
  await local.fund(TENANT, 1_000_000_000n)
  chain = await connect({ urls: [local.anvil.rpcUrl], deployment: local.deployment, timeoutMs: 5_000 })
})
afterAll(() => local?.stop())
beforeEach(() => {
  db = openDatabase(':memory:')
})
afterEach(async () => {
  await follower?.close()
  db.close()
})

describe('the follower', () => {
  it('reads history, then what happens now, each log once', async () => {
    await local.open(TENANT, 1)
    follow()
    await follower.synced()
    expect(stored()).toEqual(await onChain())
    const leaseId = await local.open(TENANT, 1)
    await settled()
    expect(stored()).toEqual(await onChain())
    const read = makeEventReader(local.deployment)
    const events = read(db, { address: local.deployment.leaseEscrow, topic1: leaseId })
    expect(events.map((event) => event.name)).toEqual(['LeaseRequested', 'LeaseAssigned'])
  })

  it('knows when each event happened, from an RPC that does not say it with the log', async () => {
    await local.open(TENANT, 1)
    await local.anvil.client.mine({ blocks: 5 })
    const proxy = await startRpcProxy(local.anvil.rpcUrl)
    try {
      proxy.judge = async (call) => {
        if (call.method !== 'eth_getLogs') return 'forward'
        const params = call.params as never
        const logs = (await local.anvil.client.request({
          method: 'eth_getLogs' as never,
          params,
        })) as object[]
        return { answer: logs.map((log) => ({ ...log, blockTimestamp: undefined })) }
      }
      const indirect = await connect({ urls: [proxy.url], deployment: local.deployment })
      follow({ chain: indirect })
      await follower.synced()
      await local.open(TENANT, 1)
      await settled()
      const events = read(db, { address: addresses() })
      expect(events.length).toBeGreaterThan(4)
      for (const { blockHash, timestamp } of events) {
        expect(timestamp).toBe((await local.anvil.client.getBlock({ blockHash })).timestamp)
      }
    } finally {
      await follower.close()
      await proxy.close()
    }
  })

  it('goes on where an earlier process stopped', async () => {
    follow()
    await follower.synced()
    await follower.close()
    await local.open(TENANT, 1)
    await local.anvil.client.mine({ blocks: 10 })
    const before = tallies(db)
    follow()
    await follower.synced()
    expect(stored()).toEqual(await onChain())
    expect(tallies(db)['LeaseRequested']).toBe((before['LeaseRequested'] ?? 0) + 1)
  })

  it('reads everything anew on demand, and repairs what was lost', async () => {
    await local.open(TENANT, 1)
    follow()
    await follower.synced()
    db.exec('DELETE FROM feed_logs WHERE block_number > 3')
    follower.resync()
    await follower.synced()
    expect(stored()).toEqual(await onChain())
  })

  it('keeps nobody waiting for a block once it is closed', async () => {
    follow()
    await follower.synced()
    const waiting = follower.synced({ height: 1_000_000n }).catch((error: unknown) => error)
    const begun = Date.now()
    await follower.close()
    expect(await waiting).toMatchObject({ code: 'feed-closed' })
    await expect(follower.synced({ height: 1_000_000n })).rejects.toMatchObject({ code: 'feed-closed' })
    expect(Date.now() - begun).toBeLessThan(10_000)
  })

  it('refuses a database of another deployment', async () => {
    follow()
    await follower.close()
    const other = { ...chain, deployment: { ...local.deployment, leaseEscrow: local.deployment.usdc } }
    expect(() => makeFollower({ chain: other, db, projectors: [] })).toThrow('another deployment')
  })

  it(`rolls back to the common ancestor at any depth (SEED=${seed})`, async () => {
    follow()
    await follower.synced()
    // Above the contracts and the node: a reorg that removes the deployment is another test.
    const base = Number(await local.anvil.client.getBlockNumber())
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('open', 'empty'), { minLength: 1, maxLength: 12 }),
        fc.nat(30),
        fc.boolean(),
        async (before, depth, drops) => {
          for (const move of before) {
            if (move === 'open') await local.open(TENANT, 1)
            else await local.anvil.client.mine({ blocks: 1 })
          }
          await settled()
          const height = Number(await local.anvil.client.getBlockNumber())
          const real = Math.min(depth + 1, height - base)
          await reorg(real, drops ? [] : [0])
          await settled()
          expect(stored()).toEqual(await onChain())
          expect(tallies(db)).toEqual(await talliesOnChain())
        },
      ),
      { seed, numRuns: 12 },
    )
  })

  it('follows a chain that was cut short and grew again', async () => {
    follow({ shortAfterMs: 50 })
    const snapshot = await local.anvil.client.snapshot()
    await local.open(TENANT, 1)
    await local.anvil.client.mine({ blocks: 5 })
    await settled()
    await local.anvil.client.revert({ id: snapshot })
    await settled()
    expect(stored()).toEqual(await onChain())
    await local.open(TENANT, 1)
    await settled()
    expect(stored()).toEqual(await onChain())
  })

  it('calls nothing final when finality itself was broken, until finality is beyond it', async () => {
    follow()
    await follower.synced()
    await local.anvil.client.mine({ blocks: 6 })
    await settled()
    await until(() => follower.finalizedThrough() !== null)
    // A transaction in the first new block: empty blocks of the same second would have the same hashes.
    await reorg(5, [0])
    await until(() => follower.health().state === 'disagreeing')
    expect(follower.finalizedThrough()).toBeNull()
    await local.anvil.client.mine({ blocks: 8 })
    await until(() => follower.finalizedThrough() !== null)
    await until(() => follower.health().state === 'live')
  })

  it('shows 300 events of its start, then each transaction', async () => {
    await local.openMany(TENANT, 1, 150)
    const began = performance.now()
    follow()
    await until(() => stored().length >= 300)
    const startMs = performance.now() - began
    await follower.synced()
    const times: number[] = []
    for (let i = 0; i < 10; i++) {
      const leaseId = await local.open(TENANT, 1)
      const mined = performance.now()
      await until(() => read(db, { address: local.deployment.leaseEscrow, topic1: leaseId }).length === 2)
      times.push(performance.now() - mined)
    }
    times.sort((a, b) => a - b)
    console.info(
      `300 events after ${startMs.toFixed(0)} ms; a transaction after ${times[5]!.toFixed(0)} ms (median)`,
    )
  })
})

describe('with an RPC that misbehaves', () => {
  let proxy: RpcProxy
  beforeEach(async () => {
    proxy = await startRpcProxy(local.anvil.rpcUrl)
    chain = await connect({ urls: [proxy.url], deployment: local.deployment, timeoutMs: 2_000, retries: 0 })
  })
  afterEach(async () => {
    await follower.close()
    await proxy.close()
    chain = await connect({ urls: [local.anvil.rpcUrl], deployment: local.deployment, timeoutMs: 5_000 })
  })

  it('is stale while the RPC is away, and goes on by itself', async () => {
    const codes: string[] = []
    follow({ staleAfterMs: 100, onError: (error) => codes.push(error.code) })
    await follower.synced()
    await until(() => follower.finalizedThrough() !== null)
    proxy.judge = () => 'refuse'
    // A tenth of a second is soon over on a loaded machine: stale may come before the first refusal.
    await until(() => follower.health().state === 'stale' && follower.health().lastError !== null)
    expect(follower.finalizedThrough()).toBeNull()
    expect(follower.health().lastError?.code).toBe('rpc-unreachable')
    await local.open(TENANT, 1)
    proxy.judge = () => 'forward'
    await settled()
    expect(follower.health().lastError).toBeNull()
    expect(new Set(codes)).toEqual(new Set(['rpc-unreachable']))
    expect(stored()).toEqual(await onChain())
  })

  it('asks for less when a range is refused', async () => {
    await local.anvil.client.mine({ blocks: 40 })
    const spans: number[] = []
    proxy.judge = ({ method, params }) => {
      const filter = (params?.[0] ?? {}) as { fromBlock?: string; toBlock?: string }
      if (method !== 'eth_getLogs' || filter.fromBlock === undefined) return 'forward'
      const span = Number(filter.toBlock) - Number(filter.fromBlock) + 1
      spans.push(span)
      return span > 7 ? { error: { code: -32602, message: 'block range too large' } } : 'forward'
    }
    follow()
    await follower.synced()
    expect(Math.max(...spans)).toBeGreaterThan(7)
    expect(stored()).toEqual(await onChain())
  })

  it('leaves no gap when a lagging node answers a range with nothing', async () => {
    await local.open(TENANT, 1)
    await local.anvil.client.mine({ blocks: 10 })
    // The node does not have the end of the range yet: its header is missing, its log list empty.
    let lagging = 6
    proxy.judge = ({ method, params }) => {
      if (lagging === 0) return 'forward'
      if (method === 'eth_getLogs') return { answer: [] }
      const byNumber = method === 'eth_getBlockByNumber' && String(params?.[0]).startsWith('0x')
      if (!byNumber) return 'forward'
      lagging -= 1
      return { answer: null }
    }
    follow()
    await follower.synced()
    expect(lagging).toBe(0)
    expect(stored()).toEqual(await onChain())
  })

  it('appends no range of a chain that took the place of its own after the cursor was checked', async () => {
    const removed = await local.open(TENANT, 1)
    follow()
    await follower.synced()
    await follower.close()
    const cursor = follower.health().cursor!.height
    await local.anvil.client.mine({ blocks: 6 })
    let reorgs = 0
    let replaced = false
    proxy.after = async ({ method, params }) => {
      if (reorgs > 0 || method !== 'eth_getBlockByNumber' || params?.[0] !== toHex(cursor)) return
      reorgs += 1
      // The answer, that the cursor is canonical, is on its way; by the next question it is not any more.
      await reorg(7, [1])
      replaced = true
    }
    follow()
    await until(() => replaced)
    await settled()
    expect(reorgs).toBe(1)
    expect(stored()).toEqual(await onChain())
    expect(read(db, { address: local.deployment.leaseEscrow, topic1: removed })).toEqual([])
    expect(tallies(db)).toEqual(await talliesOnChain())
  })

  it('takes no finality of a chain that took the place of the head that it was asked for', async () => {
    follow()
    await follower.synced()
    await local.open(TENANT, 1)
    await local.anvil.client.mine({ blocks: 3 })
    await settled()
    await until(() => follower.finalizedThrough() !== null)
    let asked = 0
    let replaced = false
    proxy.after = async ({ method, params }) => {
      if (asked > 0 || method !== 'eth_getBlockByNumber' || params?.[0] !== 'latest') return
      asked += 1
      // The head is on its way; what is final by the next question is of another chain, and above that head. Nothing that
      // was final is replaced.
      await reorg(2, [0])
      await local.anvil.client.mine({ blocks: 4 })
      replaced = true
    }
    await local.anvil.client.mine({ blocks: 1 })
    await until(() => replaced)
    await settled()
    await until(() => follower.health().state === 'live')
    expect(follower.finalizedThrough()).not.toBeNull()
  })

  it('freezes what is final when two RPCs disagree about it', async () => {
    const second = await startRpcProxy(local.anvil.rpcUrl)
    chain = await connect({ urls: [proxy.url, second.url], deployment: local.deployment, timeoutMs: 2_000 })
    try {
      await local.anvil.client.mine({ blocks: 4 })
      follow({ agreementEveryMs: 20 })
      await until(() => follower.finalizedThrough() !== null)
      const wrong = await local.anvil.client.getBlock({ blockNumber: 1n })
      second.judge = ({ method, params }) =>
        method === 'eth_getBlockByNumber' && String(params?.[0]).startsWith('0x')
          ? { answer: { hash: wrong.hash, number: params?.[0] } }
          : 'forward'
      await until(() => follower.health().state === 'disagreeing')
      expect(follower.finalizedThrough()).toBeNull()
      expect(follower.health().disagreement).toContain('another finalized block')
      second.judge = () => 'forward'
      await until(() => follower.finalizedThrough() !== null)
    } finally {
      await follower.close()
      await second.close()
    }
  })
})

const read = (database: Database, filter: Parameters<ReturnType<typeof makeEventReader>>[1]) =>
  makeEventReader(local.deployment)(database, filter)

const talliesOnChain = async () => {
  const found: Record<string, number> = {}
  const all = await makeAllEvents()
  for (const event of all) found[event] = (found[event] ?? 0) + 1
  return found
}
const makeAllEvents = async (): Promise<string[]> => {
  const decode = makeLogDecoder(local.deployment)
  const logs = await local.anvil.client.getLogs({ address: addresses(), fromBlock: 0n, toBlock: 'latest' })
  return logs.flatMap((log) => decode({ ...log, timestamp: 0n })?.name ?? [])
}

/** Replaces the newest `depth` blocks; `opens` names which of the new ones open a lease. */
const reorg = async (depth: number, opens: readonly number[]) => {
  const transactions = opens.map((block) => [
    {
      from: local.anvil.account(TENANT).address,
      to: local.deployment.leaseEscrow,
      data: encodeFunctionData({
        abi: leaseEscrowAbi,
        functionName: 'open',
        args: [local.terms(TENANT, 1), '0x'],
      }),
      gas: '0xf4240',
    },
    block,
  ])
  await local.anvil.client.request({
    method: 'anvil_reorg' as 'anvil_reset',
    params: [depth, transactions] as never,
  })
}
