// The world in memory: nodes, and the sums over regions, operators and tenants that scores look at, kept up step by step.
import type { PolicyParameters } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import type { Needs, PlacementNode, Use, World } from './types.ts'

// A node counts for at most this many point-units in the sums of its region and operator: nobody makes a region look
// empty by registering a machine that does not exist, and no sum leaves 2⁵³.
const COUNTED = 2 ** 20

const counted = (units: bigint) => Math.min(Number(units), COUNTED)

export type WorldStore = World & {
  node(id: number): PlacementNode | undefined
  /** Adds the node, or replaces what was known of it. */
  put(node: PlacementNode): void
  drop(id: number): void
  /** A live lease more (1) or less (−1) of a tenant in a region. */
  countTenant(tenant: Address, region: Hex, by: 1 | -1): void
  /** The node with a lease more (1) or less (−1) on it. Unknown nodes are let be. */
  occupy(id: number, needs: Needs, by: 1 | -1): void
  setPolicy(policy: PolicyParameters): void
  /** Where a tenant has live leases. */
  tenantRegions(tenant: Address): Iterable<Hex>
}

type Tenancy = { all: number; regions: Map<Hex, number> }
const NONE: Use = { used: 0, offered: 0 }

export const makeWorldStore = (initial: PolicyParameters): WorldStore => {
  let policy = initial
  const nodes = new Map<number, PlacementNode>()
  const regions = new Map<Hex, Use>()
  const operators = new Map<Address, Use>()
  const tenants = new Map<Address, Tenancy>()

  const add = <key>(sums: Map<key, Use>, key: key, used: number, offered: number) => {
    const sum = sums.get(key) ?? { used: 0, offered: 0 }
    sum.used += used
    sum.offered += offered
    sums.set(key, sum)
  }
  /** What a node that takes leases adds to the sums; one that is drained is no part of the market. */
  const count = (node: PlacementNode, by: 1 | -1) => {
    if (!node.active) return
    const [used, offered] = [by * counted(node.inUse.pointUnits), by * counted(node.capacity.pointUnits)]
    add(regions, node.region, used, offered)
    add(operators, node.operator, used, offered)
  }
  const put = (given: PlacementNode) => {
    const node = { ...given, region: lower(given.region), operator: lower(given.operator) }
    const known = nodes.get(node.node)
    if (known !== undefined) count(known, -1)
    nodes.set(node.node, node)
    count(node, 1)
  }
  return {
    get policy() {
      return policy
    },
    setPolicy: (next) => {
      policy = next
    },
    node: (id) => nodes.get(id),
    nodes: () => nodes.values(),
    put,
    drop: (id) => {
      const known = nodes.get(id)
      if (known === undefined) return
      count(known, -1)
      nodes.delete(id)
    },
    occupy: (id, needs, by) => {
      const node = nodes.get(id)
      if (node === undefined) return
      const { pointUnits, memoryMiB, diskGiB, gpus } = node.inUse
      const inUse = {
        pointUnits: pointUnits + BigInt(by * needs.pointUnits),
        memoryMiB: memoryMiB + BigInt(by * needs.memoryMiB),
        diskGiB: diskGiB + BigInt(by * needs.diskGiB),
        gpus: gpus + by * needs.gpus,
      }
      put({ ...node, inUse })
    },
    countTenant: (tenant, region, by) => {
      const tenancy = tenants.get(lower(tenant)) ?? { all: 0, regions: new Map<Hex, number>() }
      tenancy.all += by
      tenancy.regions.set(lower(region), (tenancy.regions.get(lower(region)) ?? 0) + by)
      if (tenancy.all === 0) tenants.delete(lower(tenant))
      else tenants.set(lower(tenant), tenancy)
    },
    tenantRegions: (tenant) => tenants.get(lower(tenant))?.regions.keys() ?? [],
    regionUse: (region) => regions.get(lower(region)) ?? NONE,
    operatorUse: (operator) => operators.get(lower(operator)) ?? NONE,
    tenantUse: (tenant, region) => {
      const tenancy = tenants.get(lower(tenant))
      return { here: tenancy?.regions.get(lower(region)) ?? 0, all: tenancy?.all ?? 0 }
    },
  }
}

const lower = <text extends string>(text: text) => text.toLowerCase() as text
