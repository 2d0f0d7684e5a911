// What placing a lease looks at. Units as everywhere: point-units, MiB, GiB, µUSDC, seconds.
import type { PolicyParameters, Prices, Terms } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import type { Capacity } from '../node.ts'

/** A node as the scheduler sees it. */
export type PlacementNode = {
  node: number
  operator: Address
  agent: Address
  active: boolean
  /** Eight bytes, as registered. */
  region: Hex
  minCharge: number
  notice: number
  capacity: Capacity
  /** Of its live leases, and of what is being assigned to it just now. */
  inUse: Capacity
  /** All zero: the platform's defaults apply. */
  prices: Prices
  sealingKey: Hex
  tags: readonly string[]
  online: boolean | 'unknown'
  /** `null` where nothing is known of it. */
  uptimeBps: number | null
  /** Leases that it brought up, and leases assigned to it that it never did. */
  activated: number
  lapsed: number
}

/** A request that waits for its node. */
export type PlacementRequest = {
  leaseId: Hex
  terms: Terms
  /** What is left of the deposit for the machine: the template's fee is held apart. */
  deposited: bigint
  /** Until when it may be assigned, unix seconds. */
  activateBy: number
  /** What the tenant wants a node to say of itself; a node must have all of them. */
  tags: readonly string[]
  /** Nodes on which the contract refused this request a moment ago. */
  avoid: readonly number[]
}

/** What the lease takes of a node. Each fits the bits that the escrow stores it in. */
export type Needs = { pointUnits: number; memoryMiB: number; diskGiB: number; gpus: number }

/** In use and on offer, point-units. */
export type Use = { used: number; offered: number }

/** Everything that a choice depends on, but for the request and the block. */
export type World = {
  policy: PolicyParameters
  nodes(): Iterable<PlacementNode>
  regionUse(region: Hex): Use
  operatorUse(operator: Address): Use
  /** Live leases of a tenant: in a region, and all of them. */
  tenantUse(tenant: Address, region: Hex): { here: number; all: number }
}

/** When and on which chain of blocks the choice is made. */
export type Moment = { blockHash: Hex /** Unix seconds. */; timestamp: number }
