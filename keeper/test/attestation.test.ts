import { reputationAbi } from '@decloud/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { OPERATOR } from '../../chain/test/local.ts'
import { firstSlotOf } from '../src/domain/day-bits.ts'
import { makeAttesters, nowSeconds, startPastLocal, writePast } from './attesters.ts'
import { type Harness, makeHarness, until } from './harness.ts'

const DAY = 86_400
const today = Math.floor(nowSeconds() / DAY)
// Surely over for ten minutes, whatever the time is now.
const day = today - 2

let local: Awaited<ReturnType<typeof startPastLocal>>
let harness: Harness
let attesters: ReturnType<typeof makeAttesters>

beforeAll(async () => {
  local = await startPastLocal(4 * DAY)
  for (let node = 1; node <= 18; node++) await local.register()
  // Node 3 pauses before that day, node 18 is there for its last third only.
  await local.registry(OPERATOR, 'setActive', [3, false])
  await local.registry(OPERATOR, 'setActive', [18, false])
  const { timestamp } = await local.anvil.client.getBlock()
  await local.anvil.moveTime(day * DAY + 16 * 3_600 - Number(timestamp))
  await local.registry(OPERATOR, 'setActive', [18, true])
  await local.catchUp()
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
  attesters = makeAttesters(local, harness)
})
afterEach(async () => {
  await attesters.close()
  await harness.close()
})

const read = <result>(functionName: string, args: readonly unknown[]) =>
  local.anvil.client.readContract({
    ...{ address: local.deployment.reputation!, abi: reputationAbi },
    ...({ functionName, args } as { functionName: 'today' }),
  }) as Promise<result>
const attestations = () =>
  local.anvil.client.getContractEvents({
    ...{ address: local.deployment.reputation!, abi: reputationAbi, fromBlock: 0n, eventName: 'Attested' },
  })
const live = async (keeper: Awaited<ReturnType<typeof attesters.boot>>) => {
  let result = await keeper.heartbeats.attest()
  await until(async () => {
    if (result?.skipped === false) return true
    result = await keeper.heartbeats.attest()
    return false
  }, 'a round')
  return result!
}

const nodes = Array.from({ length: 18 }, (_, i) => i + 1)
/** Node n misses n × 10 beats from the start of the day, one more or less for each attester. */
const missedBy = (nth: number, node: number) => node * 10 + (nth - 1) * (node % 2)
const pastOf = (nth: number) => ({
  from: day * DAY,
  to: (day + 1) * DAY,
  nodes,
  silent: (node: number, slot: number) => slot - firstSlotOf(day) < missedBy(nth, node),
})

describe('an attester', () => {
  it('posts what its node missed, once; the median on chain is what was missed', async () => {
    const folders = [0, 1, 2].map(() => harness.freshFolder())
    const addresses: string[] = []
    for (const nth of [0, 1, 2]) {
      writePast(folders[nth]!, pastOf(nth))
      const keeper = await attesters.boot(nth, folders[nth]!)
      expect(await live(keeper)).toEqual({ posted: 1, failed: 0, skipped: false })
      const events = await attestations()
      expect(events).toHaveLength(nth + 1)
      expect(events.at(-1)!.args).toMatchObject({ day, firstGroup: 0 })
      addresses.push(events.at(-1)!.args.attester!)
    }
    for (const node of nodes) {
      const known = node !== 3 && node !== 18
      for (const [nth, attester] of addresses.entries()) {
        const said = await read<readonly [boolean, bigint]>('missedOf', [attester, day, node])
        expect(said).toEqual([known, known ? BigInt(missedBy(nth, node)) : 0n])
      }
      const median = BigInt(missedBy(1, node))
      const [bps, opinions] = await read<readonly [bigint, bigint]>('uptimeOf', [node])
      expect([bps, opinions]).toEqual(known ? [((5_760n - median) * 10_000n) / 5_760n, 3n] : [0n, 0n])
    }
  })

  it('posts nothing again: not in another round, not after a restart, not after losing its books', async () => {
    const before = (await attestations()).length
    expect(before).toBe(3)
    const dataDir = harness.freshFolder()
    writePast(dataDir, pastOf(0))
    const first = await attesters.boot(0, dataDir)
    expect(await live(first)).toEqual({ posted: 0, failed: 0, skipped: false })
    await attesters.close()
    const second = await attesters.boot(0, dataDir)
    expect(await live(second)).toEqual({ posted: 0, failed: 0, skipped: false })
    await attesters.close()
    const blank = await attesters.boot(0, harness.freshFolder())
    expect(await live(blank)).toEqual({ posted: 0, failed: 0, skipped: false })
    expect(await attestations()).toHaveLength(before)
  })

  it('corrects itself, and keeps what it said of nodes that it knows nothing of now', async () => {
    const dataDir = harness.freshFolder()
    const past = pastOf(0)
    writePast(dataDir, { ...past, nodes: [1], silent: () => false })
    const keeper = await attesters.boot(0, dataDir)
    expect(await live(keeper)).toMatchObject({ posted: 1, failed: 0 })
    const [event] = (await attestations()).slice(-1)
    const { attester } = event!.args
    expect(await read('missedOf', [attester, day, 1])).toEqual([true, 0n])
    // Of these it heard nothing at all: that is knowledge too.
    expect(await read('missedOf', [attester, day, 2])).toEqual([true, 5_760n])
    expect(await read('missedOf', [attester, day, 3])).toEqual([false, 0n])
  })

  it('says nothing of a day that it was away for', async () => {
    const dataDir = harness.freshFolder()
    const past = { ...pastOf(1), from: (day - 1) * DAY, to: day * DAY, silent: () => false }
    writePast(dataDir, { ...past, deaf: (slot) => slot % 9 === 0 })
    const keeper = await attesters.boot(1, dataDir)
    const before = (await attestations()).length
    expect(await live(keeper)).toEqual({ posted: 0, failed: 0, skipped: false })
    expect(await attestations()).toHaveLength(before)
  })

  it('only it does: no other key says anything', async () => {
    const keeper = await harness.boot()
    await keeper.synced()
    expect(await keeper.heartbeats.attest()).toEqual({ posted: 0, failed: 0, skipped: true })
    const mute = await harness.boot({}, null)
    expect(await mute.heartbeats.attest()).toBeNull()
  })
})
