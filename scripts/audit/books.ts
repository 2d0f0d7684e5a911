// What the audit keeps while it reads: one entry a lease, an account, a node, a review and a posted word. Logs are read
// once, in order, and dropped.
import type { Address, Hex } from 'viem'
import type { Meter } from './arithmetic.ts'

/** Where a log stands, and when. */
export type Place = { block: bigint; timestamp: bigint; transaction: Hex; emitter: Address }

/**
 * Something that is not as it has to be. `history`: the logs contradict the rules or one another. `storage`: the chain
 * holds another figure than its logs add up to.
 */
export type Difference = {
  kind: 'history' | 'storage'
  subject: string
  field: string
  expected: string
  found: string
  transaction?: Hex
}

type LeaseState = 'Requested' | 'Assigned' | 'Active' | 'Ended'

type Size = { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: bigint }

export type LeaseBook = Meter & {
  state: LeaseState
  tenant: Address
  node: number
  relay: number
  endReason: number
  activateBy: bigint
  activateWithin: bigint
  notice: bigint
  platformBps: bigint
  relayBps: bigint
  vcpus: bigint
  tier: number
  /** What it takes of its node; the point-units are known from the assignment on. */
  size: Size
}

export type NodeBook = {
  earned: bigint
  withdrawn: bigint
  payee: Address
  pendingPayee: Address
  inUse: Size
}

export type Rating = { sum: bigint; count: bigint }
type Stake = { bonded: bigint; unbonding: bigint; lockedUntil: bigint; releaseAt: bigint }

/** A settlement whose rule depends on what follows it in its transaction. */
export type OpenSettlement = { leaseId: Hex; before: Meter; settled: bigint; place: Place }

export type Books = {
  leases: Map<Hex, LeaseBook>
  balances: Map<Address, bigint>
  nodes: Map<number, NodeBook>
  /** Point-units a vCPU by tier, by policy contract. */
  policies: Map<Address, readonly bigint[]>
  escrow: {
    owner: Address
    pendingOwner: Address
    registry: Address
    policy: Address
    nextRegistry: Address
    nextPolicy: Address
    moveAt: bigint
  }
  /** The escrow's USDC as its Transfer logs add up. */
  usdc: bigint
  /** What the escrow owes to anybody. */
  obligations: bigint
  /** USDC that arrived without a claim on it. */
  donated: bigint
  nodeRatings: Map<number, Rating>
  templateRatings: Map<number, Rating>
  stars: Map<Hex, { node: number; template: number }>
  attesters: Set<Address>
  /** By `attester day group`. */
  words: Map<string, bigint>
  /** By `node staker`. */
  stakes: Map<string, Stake>
  openSettlements: OpenSettlement[]
  differences: Difference[]
}

const NOBODY: Address = '0x0000000000000000000000000000000000000000'

const emptySize = (): Size => ({ pointUnits: 0n, memoryMiB: 0n, diskGiB: 0n, gpus: 0n })

export const emptyBooks = (): Books => ({
  leases: new Map(),
  balances: new Map(),
  nodes: new Map(),
  policies: new Map(),
  escrow: {
    owner: NOBODY,
    pendingOwner: NOBODY,
    registry: NOBODY,
    policy: NOBODY,
    nextRegistry: NOBODY,
    nextPolicy: NOBODY,
    moveAt: 0n,
  },
  usdc: 0n,
  obligations: 0n,
  donated: 0n,
  nodeRatings: new Map(),
  templateRatings: new Map(),
  stars: new Map(),
  attesters: new Set(),
  words: new Map(),
  stakes: new Map(),
  openSettlements: [],
  differences: [],
})

/** The node's page, a blank one when it is new. Node 0 is the platform. */
export const nodeBook = (books: Books, node: number): NodeBook => {
  const known = books.nodes.get(node)
  if (known !== undefined) return known
  const fresh = { earned: 0n, withdrawn: 0n, payee: NOBODY, pendingPayee: NOBODY, inUse: emptySize() }
  books.nodes.set(node, fresh)
  return fresh
}

/** Notes a contradiction in the logs unless `expected` and `found` are the same figure. */
export const must = (
  books: Books,
  place: Place,
  subject: string,
  field: string,
  expected: unknown,
  found: unknown,
): void => {
  const [wanted, got] = [String(expected), String(found)]
  if (wanted === got) return
  books.differences.push({
    kind: 'history',
    subject,
    field,
    expected: wanted,
    found: got,
    transaction: place.transaction,
  })
}
