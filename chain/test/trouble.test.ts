// What the feed does about RPCs that are wrong, behind or overloaded, and about a database that cannot be written.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DecloudError } from '@decloud/protocol'
import Sqlite, { type Database } from 'better-sqlite3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Chain,
  connect,
  type Follower,
  isRetryable,
  makeEventReader,
  makeFollower,
  openDatabase,
  type Projector,
} from '../src/index.ts'
import { type Local, startLocal, TENANT } from './local.ts'
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts'

let local: Local
let folder: string
let db: Database
let follower: Follower | undefined
let proxies: RpcProxy[]
let databases = 0

beforeAll(async () => {
  local = await startLocal()
  folder = await mkdtemp(join(tmpdir(), 'decloud-feed-'))
  await local.register()
  await local.fund(TENANT, 1_000_000_000n)
})
afterAll(async () => {
  await local?.stop()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  databases += 1
  db = openDatabase(join(folder, `feed-${databases}.sqlite`))
  proxies = []
})
afterEach(async () => {
  await follower?.close()
  follower = undefined
  db.close()
  for (const proxy of proxies) await proxy.close()
})

const proxied = async (count: number): Promise<{ chain: Chain; rpcs: RpcProxy[] }> => {
  for (let i = 0; i < count; i++) proxies.push(await startRpcProxy(local.anvil.rpcUrl))
  const urls = proxies.map(({ url }) => url)
  return {
    rpcs: proxies,
    chain: await connect({ urls, deployment: local.deployment, timeoutMs: 2_000, retries: 0 }),
  }
}
const errors: DecloudError[] = []
const follow = (chain: Chain, options: Partial<Parameters<typeof makeFollower>[0]> = {}): Follower => {
  errors.length = 0
  follower = makeFollower({
    ...{ chain, db, projectors: [], agreementEveryMs: 20, onError: (error) => errors.push(error) },
    ...options,
  })
  follower.start()
  return follower
}
const codes = () => new Set(errors.map(({ code }) => code))
const until = async (condition: () => boolean, what: string, deadlineMs = 10_000) => {
  const end = Date.now() + deadlineMs
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
const headHash = async () => (await local.anvil.client.getBlock({ blockTag: 'latest' })).hash
const atHead = async (feed: Follower) => {
  const hash = await headHash()
  await until(() => feed.health().cursor?.hash === hash, 'at the head')
}
const addressList = () => {
  const { chainId: _, fromBlock: __, usdc: ___, deCloudLens: ____, ...contracts } = local.deployment
  return Object.values(contracts).filter((address) => address !== undefined)
}
const onChain = async () =>
  (await local.anvil.client.getLogs({ address: addressList(), fromBlock: 0n, toBlock: 'latest' })).map(
    (log) => `${log.blockHash} ${log.logIndex} ${log.data}`,
  )
const stored = () =>
  (
    db
      .prepare('SELECT block_hash, log_index, data FROM feed_logs ORDER BY block_number, log_index')
      .all() as { block_hash: string; log_index: number; data: string }[]
  ).map((row) => `${row.block_hash} ${row.log_index} ${row.data}`)
const realLogs = (params: unknown) =>
  local.anvil.client.request({ method: 'eth_getLogs' as never, params: params as never }) as Promise<object[]>
/** Answers of this RPC lack the last log, as long as `lies` says so. */
const leavesOut = (rpc: RpcProxy, lies: () => boolean) => {
  rpc.judge = async ({ method, params }) => {
    if (method !== 'eth_getLogs' || !lies()) return 'forward'
    return { answer: (await realLogs(params)).slice(0, -1) }
  }
}

describe('what is followed', () => {
  it('the contracts around the escrow, too; a store without them is filled anew', async () => {
    await local.publish(TENANT, 100_000n, 600)
    const { chain } = await proxied(1)
    const { templateRegistry, ...without } = local.deployment
    const first = follow({ ...chain, deployment: without })
    await first.synced()
    await first.close()
    const read = makeEventReader(local.deployment)
    expect(read(db, { address: templateRegistry })).toEqual([])
    await follow(chain).synced()
    const names = read(db, { address: templateRegistry }).map((event) => event.name)
    expect(names).toContain('TemplateCreated')
    expect(stored()).toEqual(await onChain())
  })

  it('is read anew for a projector of another version, not for the same', async () => {
    const { chain } = await proxied(1)
    let reverted = 0
    const projector = (version: string): Projector => ({
      version,
      migrate: () => {},
      apply: () => {},
      revert: () => {
        reverted += 1
      },
    })
    for (const version of ['1', '1', '2']) {
      const feed = follow(chain, { projectors: [projector(version)] })
      await feed.synced()
      await feed.close()
    }
    expect(reverted).toBe(1)
    expect(stored()).toEqual(await onChain())
  })
})

describe('with RPCs that are wrong', () => {
  it('finds and repairs what an RPC left out once', async () => {
    const { chain, rpcs } = await proxied(1)
    let lies = 1
    leavesOut(rpcs[0]!, () => lies-- > 0)
    const feed = follow(chain)
    await until(() => codes().has('feed-repaired'), 'repaired')
    await until(() => (feed.finalizedThrough()?.height ?? 0n) > 5n, 'final again')
    await atHead(feed)
    expect(stored()).toEqual(await onChain())
  })

  it('says which two tell different logs, and calls nothing final meanwhile', async () => {
    const { chain, rpcs } = await proxied(2)
    let lies = true
    leavesOut(rpcs[1]!, () => lies)
    const feed = follow(chain)
    await until(() => feed.health().state === 'disagreeing', 'disagreeing')
    const { disagreement } = feed.health()
    for (const { url } of rpcs) expect(disagreement).toContain(new URL(url).host)
    expect(disagreement).toContain('tell different logs of block')
    expect(feed.finalizedThrough()).toBeNull()
    lies = false
    await until(() => feed.finalizedThrough() !== null, 'agreed')
    expect(stored()).toEqual(await onChain())
  })

  it('takes no second reading of one RPC alone for enough, where there is another', async () => {
    const { chain, rpcs } = await proxied(2)
    const [liar, honest] = rpcs as [RpcProxy, RpcProxy]
    leavesOut(liar, () => true)
    let away = true
    let silent = 0
    honest.judge = () => {
      if (!away) return 'forward'
      silent += 1
      return 'refuse'
    }
    const feed = follow(chain)
    await atHead(feed)
    // Both readings of the liar tell the same. That nobody holds against it must not make it true.
    const before = silent
    await until(() => silent > before + 10, 'the other was asked again and again')
    expect(feed.health()).toMatchObject({ verified: null })
    expect(feed.finalizedThrough()).toBeNull()
    away = false
    await until(() => feed.health().state === 'disagreeing', 'disagreeing')
    expect(feed.finalizedThrough()).toBeNull()
    liar.judge = () => 'forward'
    await until(() => feed.finalizedThrough() !== null, 'agreed')
    await atHead(feed)
    expect(stored()).toEqual(await onChain())
  })

  it('puts no block of another branch on top of its own', async () => {
    const { chain, rpcs } = await proxied(1)
    const [rpc] = rpcs as [RpcProxy]
    const first = follow(chain)
    await first.synced()
    const height = first.health().cursor!.height + 1n
    await first.close()
    const removed = await local.open(TENANT, 1)
    const quantity = `0x${height.toString(16)}`
    const ask = (method: string, ...params: unknown[]) =>
      local.anvil.client.request({ method: method as never, params: params as never }) as Promise<{
        hash: string
      }>
    const block = await ask('eth_getBlockByNumber', quantity, false)
    const logs = await realLogs([{ blockHash: block.hash, address: addressList() }])
    expect(logs.length).toBeGreaterThan(0)
    await local.reorg(1)
    await local.anvil.client.mine({ blocks: 1 })
    // A node behind the same URL that still knows the branch that was given up, for one question.
    let shown = 0
    rpc.judge = ({ method, params }) => {
      if (method === 'eth_getBlockByNumber' && params?.[0] === quantity && shown++ === 0)
        return { answer: block }
      const asked = params?.[0] as { blockHash?: string } | undefined
      return method === 'eth_getLogs' && asked?.blockHash === block.hash ? { answer: logs } : 'forward'
    }
    const seen: string[] = []
    const feed = follow(chain)
    feed.onChange((change) => {
      if (change.kind === 'applied') seen.push(...change.events.map(({ transactionHash }) => transactionHash))
    })
    await atHead(feed)
    expect(shown).toBeGreaterThan(0)
    const gone = (logs as { transactionHash: string }[]).map(({ transactionHash }) => transactionHash)
    expect(seen.filter((hash) => gone.includes(hash))).toEqual([])
    expect(
      makeEventReader(local.deployment)(db, { address: local.deployment.leaseEscrow, topic1: removed }),
    ).toEqual([])
    expect(stored()).toEqual(await onChain())
  })

  it('notices at once when a block is said to have no logs that its header names', async () => {
    const { chain, rpcs } = await proxied(1)
    const feed = follow(chain)
    await atHead(feed)
    let lies = 1
    rpcs[0]!.judge = ({ method, params }) => {
      const byHash = method === 'eth_getLogs' && 'blockHash' in Object(params?.[0])
      return byHash && lies-- > 0 ? { answer: [] } : 'forward'
    }
    await local.open(TENANT, 1)
    await atHead(feed)
    expect(codes()).toEqual(new Set(['rpc-contradicts']))
    expect(stored()).toEqual(await onChain())
  })

  it.each([
    ['a log twice', (logs: object[]) => [...logs, ...logs], null],
    [
      'a log of another contract',
      (logs: object[]) => alter(logs, { address: local.deployment.usdc }),
      'rpc-contradicts',
    ],
    [
      'a log of another height',
      (logs: object[]) => alter(logs, { blockNumber: '0xffffff' }),
      'rpc-contradicts',
    ],
    [
      'a log of another block',
      (logs: object[]) => alter(logs, { blockHash: `0x${'12'.repeat(32)}` }),
      'chain-moved',
    ],
    ['a removed log', (logs: object[]) => alter(logs, { removed: true }), 'chain-moved'],
    [
      'two logs in one place',
      (logs: object[]) => [...logs, ...alter(logs, { data: '0x12' })],
      'rpc-contradicts',
    ],
  ])('takes nothing in of %s', async (_, change, code) => {
    const { chain, rpcs } = await proxied(1)
    const feed = follow(chain)
    await atHead(feed)
    let lies = true
    rpcs[0]!.judge = async ({ method, params }) => {
      const byHash = method === 'eth_getLogs' && 'blockHash' in Object(params?.[0])
      if (!byHash || !lies) return 'forward'
      const logs = await realLogs(params)
      if (logs.length > 0) lies = false
      return { answer: change(logs) }
    }
    await local.open(TENANT, 1)
    await atHead(feed)
    expect(lies).toBe(false)
    expect([...codes()]).toEqual(code === null ? [] : [code])
    expect(stored()).toEqual(await onChain())
  })
  const alter = (logs: object[], change: object) =>
    logs.map((log, i) => (i === logs.length - 1 ? { ...log, ...change } : log))

  it('doubts its store when a projector cannot go on with it', async () => {
    const lease = await local.open(TENANT, 1)
    const { chain, rpcs } = await proxied(1)
    // The opening of a lease was lost twice; then its activation comes.
    let lost = true
    rpcs[0]!.judge = async ({ method, params }) => {
      if (method !== 'eth_getLogs' || !lost) return 'forward'
      const logs = (await realLogs(params)) as { topics: string[] }[]
      return { answer: logs.filter(({ topics }) => topics[1] !== lease) }
    }
    const known = new Set<string>()
    const strict: Projector = {
      migrate: () => {},
      apply: (_, events) => {
        for (const event of events) {
          if (event.name === 'LeaseRequested') known.add(event.args.leaseId)
          else if (event.name === 'LeaseToppedUp' && !known.has(event.args.leaseId))
            throw new Error('unknown lease')
        }
      },
      revert: () => known.clear(),
    }
    const feed = follow(chain, { projectors: [strict], pollMs: 5 })
    await until(() => (feed.finalizedThrough()?.height ?? 0n) > 5n, 'final')
    lost = false
    await local.escrow(TENANT, 'topUp', [lease, 1_000n])
    await atHead(feed)
    expect(codes()).toContain('feed-failed')
    expect(stored()).toEqual(await onChain())
  })
})

describe('with RPCs that are behind, away or somewhere else', () => {
  it('takes nothing back for one that lags, and says that it is stale', async () => {
    const { chain, rpcs } = await proxied(2)
    const old = (await local.anvil.client.request({
      method: 'eth_getBlockByNumber' as never,
      params: ['latest', false] as never,
    })) as object
    await local.open(TENANT, 1)
    const feed = follow(chain, { staleAfterMs: 60_000, shortAfterMs: 50 })
    await atHead(feed)
    const before = stored()
    rpcs[1]!.judge = ({ method, params }) =>
      method === 'eth_getBlockByNumber' && params?.[0] === 'latest' ? { answer: old } : 'forward'
    // One that is ahead has the word, though it is not the one that answers first.
    rpcs.reverse()
    const lagging = await connect({ urls: rpcs.map(({ url }) => url), deployment: local.deployment })
    await feed.close()
    const again = follow(lagging, { shortAfterMs: 50 })
    let reverted = 0
    again.onChange((change) => {
      if (change.kind === 'reverted') reverted += 1
    })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(reverted).toBe(0)
    expect(stored()).toEqual(before)
    await local.open(TENANT, 1)
    await atHead(again)
    expect(stored()).toEqual(await onChain())
  })

  it('does not use one that turns out to serve another chain', async () => {
    for (let i = 0; i < 2; i++) proxies.push(await startRpcProxy(local.anvil.rpcUrl))
    const [good, late] = proxies as [RpcProxy, RpcProxy]
    late.judge = () => 'refuse'
    const urls = [late.url, good.url]
    const chain = await connect({ urls, deployment: local.deployment, timeoutMs: 2_000, retries: 0 })
    late.judge = ({ method }) => (method === 'eth_chainId' ? { answer: '0x89' } : 'forward')
    late.calls.length = 0
    const feed = follow(chain)
    await until(() => feed.health().state === 'disagreeing', 'found')
    expect(feed.health().disagreement).toContain('serve different chains')
    await until(() => feed.health().cursor !== null, 'followed by the other')
    expect(late.calls.filter((method) => method === 'eth_getLogs')).toEqual([])
    expect(feed.finalizedThrough()).toBeNull()
  })

  it('refuses to start with two that have different code at an address', async () => {
    for (let i = 0; i < 2; i++) proxies.push(await startRpcProxy(local.anvil.rpcUrl))
    const { leaseEscrow } = local.deployment
    proxies[1]!.judge = ({ method, params }) =>
      method === 'eth_getCode' && params?.[0] === leaseEscrow ? { answer: '0x6001' } : 'forward'
    const urls = proxies.map(({ url }) => url)
    const error = await connect({ urls, deployment: local.deployment }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'rpc-disagree', retryable: false })
    expect((error as DecloudError).message).toContain('leaseEscrow')
  })

  it('leaves one alone that has had too many requests, as long as it asks', async () => {
    const { chain, rpcs } = await proxied(1)
    const [rpc] = rpcs as [RpcProxy]
    const feed = follow(chain)
    await atHead(feed)
    rpc.judge = () => ({ status: 429, headers: { 'retry-after': '1' } })
    await until(() => errors.length > 0, 'refused')
    expect(errors[0]).toMatchObject({ code: 'rpc-unreachable', retryAfterMs: 1_000 })
    expect(errors[0]!.message).toContain('too many requests')
    expect(isRetryable(errors[0])).toBe(true)
    const asked = rpc.calls.length
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(rpc.calls.length).toBe(asked)
    rpc.judge = () => 'forward'
    await local.open(TENANT, 1)
    await atHead(feed)
  })

  it.each([
    [-32005, 'query returned more than 10000 results'],
    [-32602, 'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range'],
    [-32614, 'eth_getLogs is limited to a 10,000 range'],
    [-32600, 'block range is too wide'],
    [-32000, 'exceed maximum block range: 5000'],
    [35, 'ranges over 10000 blocks are not supported on freetier'],
    [-32701, 'Please specify an address in your request or reduce the block range'],
    [-32000, 'query timeout exceeded'],
  ])('asks for less at once when a range is refused with %i "%s"', async (code, message) => {
    await local.anvil.client.mine({ blocks: 12 })
    const { chain, rpcs } = await proxied(1)
    rpcs[0]!.judge = ({ method, params }) => {
      const filter = (params?.[0] ?? {}) as { fromBlock?: string; toBlock?: string }
      if (method !== 'eth_getLogs' || filter.fromBlock === undefined) return 'forward'
      return Number(filter.toBlock) - Number(filter.fromBlock) >= 5 ? { error: { code, message } } : 'forward'
    }
    const feed = follow(chain)
    await atHead(feed)
    // Refusals are how a limit is found: nothing to report while there is less to ask for.
    expect(errors).toEqual([])
    expect(stored()).toEqual(await onChain())
  })
})

describe('with a database that cannot be written', () => {
  it('is stale while the disk is full, keeps nothing half-written, and goes on by itself', async () => {
    const { chain } = await proxied(1)
    const feed = follow(chain)
    await atHead(feed)
    await until(() => feed.finalizedThrough() !== null, 'final')
    const before = stored()
    db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true }))}`)
    await local.openMany(TENANT, 1, 30)
    await until(() => feed.health().lastError?.code === 'store-full', 'full')
    expect(feed.health().state).toBe('stale')
    expect(feed.finalizedThrough()).toBeNull()
    expect(stored().slice(0, before.length)).toEqual(before)
    db.pragma('max_page_count = 4294967294')
    await atHead(feed)
    expect(feed.health().lastError).toBeNull()
    expect(stored()).toEqual(await onChain())
  })

  it('is stale while another process holds the database', async () => {
    db.pragma('busy_timeout = 0')
    const { chain } = await proxied(1)
    const feed = follow(chain)
    await atHead(feed)
    const other = new Sqlite(db.name)
    other.exec('BEGIN IMMEDIATE')
    await local.open(TENANT, 1)
    await until(() => feed.health().lastError?.code === 'store-busy', 'held')
    expect(feed.health().state).toBe('stale')
    other.exec('ROLLBACK')
    other.close()
    await atHead(feed)
    expect(stored()).toEqual(await onChain())
  })
})
