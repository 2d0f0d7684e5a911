// The choice spelled out: every node with the filter that refused it or its score, component by component. The plain form
// of what columns.ts computes fast; the two are held to one another by a property.

import { judge, limitsOf } from './filters.ts'
import { type Asked, askedOf } from './needs.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import {
  FULL,
  localityScore,
  priceScore,
  reputationScore,
  roomAndFit,
  type Score,
  totalOf,
  underUseScore,
} from './score.ts'
import { tieOf, tieSeed } from './tie.ts'
import type { Moment, PlacementNode, PlacementRequest, World } from './types.ts'

type Candidate = {
  node: number
  /** µUSDC per hour there. */
  price: bigint
  score: Score
  total: number
  tie: number
}
export type Explanation = {
  /** `null` when no node takes it. */
  chosen: number | null
  /** Why no node ever can, whatever the nodes are. */
  refusal: Refusal | null
  /** Best first. */
  candidates: readonly Candidate[]
  refused: readonly (Refusal & { node: number })[]
}

const byRank = (a: Candidate, b: Candidate) => b.total - a.total || b.tie - a.tie || a.node - b.node

export const explain = (world: World, request: PlacementRequest, moment: Moment): Explanation => {
  const asked = askedOf(request, world.policy, moment)
  if (isRefusal(asked)) return { chosen: null, refusal: asked, candidates: [], refused: [] }
  const seed = tieSeed(moment.blockHash, request.leaseId)
  const candidates: Candidate[] = []
  const refused: (Refusal & { node: number })[] = []
  for (const node of world.nodes()) {
    const verdict = judge(node, request, asked, world.policy)
    if (isRefusal(verdict)) {
      refused.push({ node: node.node, ...verdict })
      continue
    }
    const score = scoreOf(world, node, request, asked, verdict.price)
    candidates.push({
      ...{ node: node.node, price: verdict.price, score },
      ...{ total: totalOf(score), tie: tieOf(seed, node.node) },
    })
  }
  candidates.sort(byRank)
  return { chosen: candidates[0]?.node ?? null, refusal: null, candidates, refused }
}

/** Of a node that has passed the filters. @param price of an hour there, µUSDC. */
export const scoreOf = (
  world: World,
  node: PlacementNode,
  { terms }: PlacementRequest,
  { needs, usualPrice }: Asked,
  price: bigint,
): Score => {
  const { pointUnits, memoryMiB, diskGiB } = node.inUse
  const used = { pointUnits: Number(pointUnits), memoryMiB: Number(memoryMiB), diskGiB: Number(diskGiB) }
  const [room, fit] = roomAndFit(needs, used, limitsOf(node))
  return {
    online: node.online === true ? FULL : 0,
    room,
    reputation: reputationScore(node.uptimeBps, node.activated, node.lapsed),
    price: priceScore(Number(price), Number(usualPrice)),
    fit,
    locality: localityScore(world.tenantUse(terms.tenant, node.region)),
    region: underUseScore(world.regionUse(node.region)),
    operator: underUseScore(world.operatorUse(node.operator)),
  }
}
