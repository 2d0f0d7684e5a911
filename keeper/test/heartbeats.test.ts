// Beats as they come in from outside: by gossip and over HTTP, from agents and from those who are none.
import { join as joinPath } from 'node:path'
import { type Gossip, loadPeerKey, makeMesh } from '@decloud/gossip'
import {
  type Beat,
  beatTopic,
  encodeBeat,
  MAX_BEAT_BYTES,
  type SignedBeat,
  signBeat,
  slotAt,
} from '@decloud/protocol/wire/heartbeat'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AGENT, type Local, startLocal } from '../../chain/test/local.ts'
import type { Keeper } from '../src/index.ts'
import { getJson, type Harness, makeHarness, until } from './harness.ts'

const NODES = 4
const NOBODY = 50

let local: Local
let harness: Harness
const peers: Gossip[] = []
beforeAll(async () => {
  local = await startLocal()
  for (let i = 0; i < NODES; i++) await local.register()
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
})
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()))
  await harness.close()
})

const agentOf = (node: number) => local.anvil.account(node === 1 ? AGENT : 100 + node)
const scope = () => ({ chainId: local.deployment.chainId, nodeRegistry: local.deployment.nodeRegistry })
const nowSlot = () => slotAt(Date.now() / 1_000)
const beat = (node: number, change: Partial<Beat> = {}): Beat => ({
  ...{ node, slot: nowSlot(), bootId: 1, version: '1.2.3', leases: [], omitted: 0 },
  free: { memoryMiB: 1, diskGiB: 1 },
  ...change,
})
const signed = (node: number, change: Partial<Beat> = {}, by = node, in_ = scope()): Promise<SignedBeat> =>
  signBeat(in_, beat(node, change), agentOf(by))
const encoded = async (...args: Parameters<typeof signed>) => encodeBeat(await signed(...args))

/** A libp2p peer of the test's own: what it hears goes to `heard`. */
const join = async (keeper: Keeper, ear = true) => {
  const heard: Uint8Array[] = []
  const key = await loadPeerKey(joinPath(harness.freshFolder(), 'peer.key'))
  const peer = await makeMesh({
    ...{ key, topic: beatTopic(scope()), listen: [], bootstrap: keeper.heartbeats.addresses() },
    maxMessageBytes: 1 << 20,
    ...(ear
      ? {
          ear: async (message: Uint8Array) => {
            heard.push(message)
            return 'accept' as const
          },
        }
      : {}),
  })
  peers.push(peer)
  await until(() => peer.listeners() > 0, 'connected')
  return Object.assign(peer, { heard })
}
const boot = async (change: Parameters<Harness['boot']>[0] = {}) => {
  const keeper = await harness.boot(change, null)
  await keeper.synced()
  return keeper
}
const post = (keeper: Keeper, body: string) =>
  fetch(`${keeper.url}/api/heartbeats`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
const postBeat = async (keeper: Keeper, one: object) => {
  const response = await post(keeper, JSON.stringify(one))
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

describe('gossip', () => {
  it('brings a beat to keepers that its agent never heard of', async () => {
    const first = await boot()
    const second = await boot({ gossip: { bootstrap: [...first.heartbeats.addresses()] } })
    const third = await boot({ gossip: { bootstrap: [...second.heartbeats.addresses()] } })
    await until(() => second.heartbeats.listeners() === 2, 'keepers connected')
    const agent = await join(first, false)
    const leases = [{ leaseId: `0x${'ab'.repeat(32)}` as const, state: 'Ready' as const }]
    await agent.publish(await encoded(1, { leases }))
    for (const keeper of [first, second, third]) {
      await until(() => keeper.heartbeats.liveness.lastBeat(1) !== null, 'heard')
      expect(keeper.heartbeats.liveness.isOnline(1)).toBe(true)
      expect(keeper.heartbeats.liveness.isOnline(2)).toBe('unknown')
      expect(keeper.heartbeats.report(1)).toMatchObject({ node: 1, version: '1.2.3', leases })
    }
  })

  it('stops at the first keeper what is forged, foreign, early, late, too long or no beat at all', async () => {
    const keeper = await boot()
    const witness = await join(keeper)
    const foreign = { ...scope(), chainId: 1 }
    const long = await encoded(1)
    const refused: Uint8Array[] = [
      await encoded(1, {}, 2),
      await encoded(1, {}, 1, foreign),
      await encoded(1, { slot: nowSlot() + 3 }),
      await encoded(1, { slot: nowSlot() - 10 }),
      await encoded(NOBODY, {}, 1),
      new Uint8Array(MAX_BEAT_BYTES + 1).fill(0x20, long.length).map((_, i) => long[i] ?? 0x20),
      new TextEncoder().encode(` ${new TextDecoder().decode(long)}`),
      new TextEncoder().encode('{"beat":null}'),
      crypto.getRandomValues(new Uint8Array(500)),
    ]
    for (const message of refused) {
      // Each from a peer of its own: what one is blamed for must not keep the next from being looked at.
      const agent = await join(keeper, false)
      await agent.publish(message)
      await agent.publish(
        await encoded(2, {
          bootId: refused.indexOf(message),
          slot: nowSlot() - 7 + (refused.indexOf(message) % 8),
        }),
      )
    }
    const agent = await join(keeper, false)
    const good = await encoded(3)
    await agent.publish(good)
    await until(() => keeper.heartbeats.liveness.lastBeat(3) !== null, 'the good one')
    await until(() => witness.heard.some((message) => Buffer.from(message).equals(good)), 'passed on')
    expect(keeper.heartbeats.liveness.lastBeat(1)).toBeNull()
    expect(keeper.heartbeats.liveness.lastBeat(NOBODY)).toBeNull()
    const nodes = witness.heard.map((message) => JSON.parse(new TextDecoder().decode(message)).beat.node)
    expect(new Set(nodes)).toEqual(new Set([2, 3]))
  })

  it('passes on one beat of a node and slot, however many it signs', async () => {
    const keeper = await boot()
    const witness = await join(keeper)
    const agent = await join(keeper, false)
    const slot = nowSlot()
    for (let bootId = 1; bootId <= 20; bootId++) await agent.publish(await encoded(1, { slot, bootId }))
    await agent.publish(await encoded(2, { slot }))
    await until(() => witness.heard.length >= 2, 'the other node')
    expect(witness.heard).toHaveLength(2)
    expect(keeper.heartbeats.report(1)).toMatchObject({ bootId: 1 })
  })

  it('is not held up by a flood of one peer, and remembers nothing of it', async () => {
    const keeper = await boot()
    const forger = await join(keeper, false)
    const chatterer = await join(keeper, false)
    const agent = await join(keeper, false)
    const forged = await Promise.all(
      Array.from({ length: 100 }, (_, i) => encoded(1, { bootId: i }, 2, { ...scope(), chainId: 2 + i })),
    )
    const unknown = await encoded(NOBODY, {}, 1)
    const text = new TextDecoder().decode(unknown)
    const before = process.memoryUsage().heapUsed
    for (const message of forged) await forger.publish(message)
    // Of no node: nobody's fault, and nobody's beat.
    for (let i = 0; i < 2_000; i++) {
      await chatterer.publish(new TextEncoder().encode(text.replace('"bootId":1', `"bootId":${i + 2}`)))
    }
    const asked = performance.now()
    await agent.publish(await encoded(3))
    await until(() => keeper.heartbeats.liveness.lastBeat(3) !== null, 'heard')
    expect(performance.now() - asked).toBeLessThan(5_000)
    expect(keeper.heartbeats.liveness.lastBeat(1)).toBeNull()
    await until(() => forger.listeners() === 0, 'the forger is cut off', 30_000)
    globalThis.gc?.()
    expect((process.memoryUsage().heapUsed - before) / 2 ** 20).toBeLessThan(100)
    expect((await getJson(`${keeper.url}/health`)).status).toBe(200)
  }, 60_000)
})

describe('POST /api/heartbeats', () => {
  it('takes a beat once, and tells the other keepers', async () => {
    const first = await boot()
    const second = await boot({ gossip: { bootstrap: [...first.heartbeats.addresses()] } })
    await until(() => first.heartbeats.listeners() === 1, 'keepers connected')
    const one = await signed(1)
    expect(await postBeat(first, one)).toEqual({ status: 200, body: { outcome: 'accepted' } })
    expect(await postBeat(first, one)).toEqual({ status: 200, body: { outcome: 'known' } })
    await until(() => second.heartbeats.liveness.lastBeat(1) !== null, 'the other keeper')
    expect(await postBeat(second, one)).toEqual({ status: 200, body: { outcome: 'known' } })
  })

  it('is all there is when gossip is off', async () => {
    const keeper = await boot({ gossip: { enabled: false } })
    expect(keeper.heartbeats.addresses()).toEqual([])
    expect((await postBeat(keeper, await signed(1))).status).toBe(200)
    expect(keeper.heartbeats.liveness.isOnline(1)).toBe(true)
  })

  it('says what is wrong with a beat', async () => {
    const keeper = await boot()
    const one = await signed(1)
    const cases: [object, number, string][] = [
      [await signed(1, {}, 2), 403, 'beat-not-agents'],
      [await signed(1, {}, 1, { ...scope(), chainId: 1 }), 403, 'beat-not-agents'],
      [await signed(1, { slot: nowSlot() + 3 }), 422, 'beat-early'],
      [await signed(1, { slot: nowSlot() - 10 }), 422, 'beat-late'],
      [await signed(NOBODY, {}, 1), 404, 'beat-node-unknown'],
      [{ ...one, signature: '0x00' }, 400, 'request-invalid'],
      [{ ...one, surplus: 1 }, 400, 'request-invalid'],
      [{}, 400, 'request-invalid'],
    ]
    for (const [body, status, code] of cases) {
      expect(await postBeat(keeper, body)).toMatchObject({ status, body: { code } })
    }
    expect((await post(keeper, JSON.stringify({ ...one, x: 'x'.repeat(MAX_BEAT_BYTES) }))).status).toBe(413)
    expect((await post(keeper, '{')).status).toBe(400)
    expect(keeper.heartbeats.liveness.lastBeat(1)).toBeNull()
  })

  it('stops listening to an address that only sends rubbish; what was taken costs nothing', async () => {
    const keeper = await boot()
    for (let i = 0; i < 40; i++) {
      expect((await postBeat(keeper, await signed(1, { slot: nowSlot() }))).status).toBe(200)
    }
    const statuses: number[] = []
    for (let i = 0; i < 40; i++) statuses.push((await postBeat(keeper, {})).status)
    expect(statuses.slice(0, 25)).toEqual(Array(25).fill(400))
    expect(statuses.slice(-5)).toEqual(Array(5).fill(429))
    expect((await getJson(`${keeper.url}/health`)).status).toBe(200)
  })
})

describe('an agent key that the operator changed', () => {
  it('counts from the block of the change', async () => {
    const keeper = await boot()
    const { address } = local.anvil.account(60)
    const hash = await local.registry(2, 'setAgent', [4, address])
    await keeper.synced({ height: hash.blockNumber })
    expect(await postBeat(keeper, await signed(4))).toMatchObject({ status: 403 })
    const renewed = await signBeat(scope(), beat(4), local.anvil.account(60))
    expect(await postBeat(keeper, renewed)).toMatchObject({ status: 200 })
  })
})
