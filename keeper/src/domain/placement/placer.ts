// Chooses fast: the same node as `explain`, which a property holds it to. A node is left out without a look when even a
// perfect fit would not bring it up to the best so far; the others go through the filters and get their score.
import type { PolicyParameters } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import { makeColumns } from './columns.ts'
import { judge } from './filters.ts'
import { askedOf } from './needs.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { localityScore, underUseScore, WEIGHTS } from './score.ts'
import { search } from './search.ts'
import { makeWorldStore } from './store.ts'
import type { Moment, Needs, PlacementNode, PlacementRequest, World } from './types.ts'

export type Choice = { node: number; price: bigint }

export type Placer = {
  /** What `explain` is asked with. */
  world: World
  node(id: number): PlacementNode | undefined
  put(node: PlacementNode): void
  drop(id: number): void
  /** A lease placed on a node (1), or gone from it (−1): what it takes, and one more machine of its tenant there. */
  occupy(id: number, needs: Needs, tenant: Address, by: 1 | -1): void
  countTenant(tenant: Address, region: Hex, by: 1 | -1): void
  setPolicy(policy: PolicyParameters): void
  /** @returns the node, or why no node can ever take it, or `null` when none takes it now. */
  choose(request: PlacementRequest, moment: Moment): Choice | Refusal | null
}

export const makePlacer = (policy: PolicyParameters): Placer => {
  const store = makeWorldStore(policy)
  const columns = makeColumns()
  // Weighted, by the numbers that columns give regions and operators.
  let regionScores = new Float64Array(16)
  let operatorScores = new Float64Array(16)

  const rescore = (node: Pick<PlacementNode, 'region' | 'operator'>) => {
    const region = columns.regions.of(node.region)
    const operator = columns.operators.of(node.operator)
    regionScores = longer(regionScores, region)
    operatorScores = longer(operatorScores, operator)
    regionScores[region] = WEIGHTS.region * underUseScore(store.regionUse(node.region))
    operatorScores[operator] = WEIGHTS.operator * underUseScore(store.operatorUse(node.operator))
  }

  /** What regions add to the score of a node there, for this tenant. */
  const nearTo = (tenant: Address): Float64Array => {
    const scores = regionScores.slice(0, columns.regions.count())
    for (const region of store.tenantRegions(tenant)) {
      const at = columns.regions.known(region)
      const near = localityScore(store.tenantUse(tenant, region))
      if (at !== undefined) scores[at] = scores[at]! + WEIGHTS.locality * near
    }
    return scores
  }

  return {
    world: store,
    node: store.node,
    put: (node) => {
      const before = store.node(node.node)
      store.put(node)
      columns.put(store.node(node.node)!, store.policy)
      if (before !== undefined) rescore(before)
      rescore(store.node(node.node)!)
    },
    drop: (id) => {
      const before = store.node(id)
      store.drop(id)
      columns.remove(id)
      if (before !== undefined) rescore(before)
    },
    occupy: (id, needs, tenant, by) => {
      store.occupy(id, needs, by)
      const node = store.node(id)
      if (node === undefined) return
      store.countTenant(tenant, node.region, by)
      columns.touch(node)
      rescore(node)
    },
    countTenant: store.countTenant,
    setPolicy: (next) => {
      store.setPolicy(next)
      for (const node of store.nodes()) columns.put(node, next)
    },
    choose: (request, moment) => {
      const asked = askedOf(request, store.policy, moment)
      if (isRefusal(asked)) return asked
      const around = { regions: nearTo(request.terms.tenant), operators: operatorScores }
      const row = search(columns, store, request, asked, around, moment)
      if (row < 0) return null
      const node = columns.nodes[row]!
      const verdict = judge(node, request, asked, store.policy)
      // The columns said that it passes; were they ever to differ from the rules, the rules win.
      return isRefusal(verdict) ? null : { node: node.node, price: verdict.price }
    },
  }
}

const longer = (column: Float64Array<ArrayBuffer>, index: number) => {
  if (index < column.length) return column
  const next = new Float64Array(Math.max(index + 1, column.length * 2))
  next.set(column)
  return next
}
