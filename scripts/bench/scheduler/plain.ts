// The peer: every node through the rules, the best score kept. What one would write first.
import { scoreOf } from '../../../keeper/src/domain/placement/explain.ts'
import { judge } from '../../../keeper/src/domain/placement/filters.ts'
import { askedOf } from '../../../keeper/src/domain/placement/needs.ts'
import { isRefusal } from '../../../keeper/src/domain/placement/refusal.ts'
import { totalOf } from '../../../keeper/src/domain/placement/score.ts'
import { tieOf, tieSeed } from '../../../keeper/src/domain/placement/tie.ts'
import type { Moment, PlacementRequest, World } from '../../../keeper/src/domain/placement/types.ts'

export const plainChoice = (world: World, request: PlacementRequest, moment: Moment): number | null => {
  const asked = askedOf(request, world.policy, moment)
  if (isRefusal(asked)) return null
  const seed = tieSeed(moment.blockHash, request.leaseId)
  let best: { node: number; total: number; tie: number } | null = null
  for (const node of world.nodes()) {
    const verdict = judge(node, request, asked, world.policy)
    if (isRefusal(verdict)) continue
    const total = totalOf(scoreOf(world, node, request, asked, verdict.price))
    const tie = tieOf(seed, node.node)
    const isBetter =
      best === null ||
      total > best.total ||
      (total === best.total && (tie > best.tie || (tie === best.tie && node.node < best.node)))
    if (isBetter) best = { node: node.node, total, tie }
  }
  return best?.node ?? null
}
