// Placing 50,000 leases on 5,000 nodes, against a linear scan written plainly over the same nodes.
// `npm run bench -- scheduler [--nodes N] [--leases N] [--seed N]`
import { keccak256, toHex } from 'viem'
import { askedOf } from '../../../keeper/src/domain/placement/needs.ts'
import { makePlacer } from '../../../keeper/src/domain/placement/placer.ts'
import { isRefusal } from '../../../keeper/src/domain/placement/refusal.ts'
import type { Moment, Needs, PlacementRequest } from '../../../keeper/src/domain/placement/types.ts'
import { makeRandom, POLICY, tameNode, tameRequest } from '../../../keeper/test/placement/worlds.ts'
import { readFlags } from '../../lib/flags.ts'
import { atLeast, atMost, median, percentile, report } from '../lib.ts'
import { plainChoice } from './plain.ts'

const { whole } = readFlags(
  'usage: npm run bench -- scheduler [--nodes N] [--leases N] [--seed N]   (5000, 50000, 1)',
  {
    nodes: { type: 'string', default: '5000' },
    leases: { type: 'string', default: '50000' },
    seed: { type: 'string', default: '1' },
  },
)
const [nodes, leases, seed] = [whole('nodes', 1), whole('leases', 1), whole('seed', 0)]
const SHAPE = { regions: 20, operators: Math.max(1, Math.round(nodes / 4)) }
const DECILES = 10
// The plain scan takes milliseconds: it takes every so manieth request after ours, and must choose the same.
const PEER_EVERY = Math.max(1, Math.floor(leases / 500))
const RELEASE_EVERY = 10

const random = makeRandom(seed)
const placer = makePlacer(POLICY)
for (let node = 1; node <= nodes; node++) placer.put(tameNode(random, node, SHAPE))

const live: { node: number; needs: Needs; request: PlacementRequest }[] = []
const took = new Float64Array(leases)
const peerTook: number[] = []
let unplaced = 0
let differing = 0

const momentOf = (nth: number): Moment => ({
  blockHash: keccak256(toHex(nth, { size: 8 })),
  timestamp: 1_900_000_000,
})

/** One lease: chosen and committed, as the service does it; now and then one ends first. */
const placeOne = (nth: number, request: PlacementRequest, moment: Moment) => {
  const started = performance.now()
  const choice = placer.choose(request, moment)
  const asked = askedOf(request, POLICY, moment)
  if (choice !== null && !isRefusal(choice) && !isRefusal(asked)) {
    placer.occupy(choice.node, asked.needs, request.terms.tenant, 1)
    live.push({ node: choice.node, needs: asked.needs, request })
  } else unplaced += 1
  took[nth] = performance.now() - started
}

const release = () => {
  const [gone] = live.splice(random.int(0, live.length - 1), 1)
  if (gone !== undefined) placer.occupy(gone.node, gone.needs, gone.request.terms.tenant, -1)
}

for (let nth = 0; nth < leases; nth++) {
  if (nth % RELEASE_EVERY === RELEASE_EVERY - 1) release()
  const request = tameRequest(random, nth, SHAPE)
  const moment = momentOf(nth)
  if (nth % PEER_EVERY === 0) {
    const started = performance.now()
    const plain = plainChoice(placer.world, request, moment)
    peerTook.push(performance.now() - started)
    const ours = placer.choose(request, moment)
    if (plain !== (ours === null || isRefusal(ours) ? null : ours.node)) differing += 1
  }
  placeOne(nth, request, moment)
}

const decile = (nth: number) => took.subarray((nth * leases) / DECILES, ((nth + 1) * leases) / DECILES)
const perSecond = (times: Float64Array) => (times.length * 1_000) / times.reduce((sum, ms) => sum + ms, 0)
const byDecile = Array.from({ length: DECILES }, (_, nth) => perSecond(decile(nth)))
const placementsPerSecond = perSecond(took)
const p99Ms = percentile(took, 0.99)
const peerPerSecond = 1_000 / (peerTook.reduce((sum, ms) => sum + ms, 0) / peerTook.length)

report({
  name: 'scheduler',
  ours: {
    ...{ nodes, leases, seed, unplaced, placementsPerSecond },
    ...{ p50Ms: median(took), p99Ms, worstMs: percentile(took, 1), placementsPerSecondByDecile: byDecile },
  },
  peer: {
    what: 'a linear scan written plainly, same rules, every so manieth request',
    ...{ requests: peerTook.length, placementsPerSecond: peerPerSecond, differing },
    ...{ p50Ms: median(peerTook), p99Ms: percentile(peerTook, 0.99) },
  },
  ratio: placementsPerSecond / peerPerSecond,
  targets: [
    atLeast('placements per second', 5_000, placementsPerSecond),
    atMost('p99, ms', 2, p99Ms),
    // Flat: the last tenth is no slower than the first, but for the noise of a shared machine.
    atLeast('last decile over the first', 0.8, byDecile.at(-1)! / byDecile[0]!),
    atMost('choices that differ from the plain scan', 0, differing),
  ],
})
