// What the audit keeps while it reads: one entry a lease, an account, a node, a review and a posted word. Logs are read
// once, in order, and dropped.
import type { Address, Hex } from 'viem'
import type { Meter, PriceVector } from './arithmetic.ts'
import type { AccessShelf, NodeShelf, TemplateShelf } from './shelves.ts'

export type { ListedNode, NodeShelf, TemplateShelf } from './shelves.ts'

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

/** The template that a lease was opened with. `held` 0 once the fee has gone one way or the other. */
type FeeBook = { template: number; version: number; author: Address; held: bigint; window: bigint }

export type LeaseBook = Meter & {
  state: LeaseState
  tenant: Address
  /** As the terms have it, 0 for any; `node` is the one it was assigned to. */
  wantedNode: number
  maxPrice: bigint
  minNotice: bigint
  wantedHoldBack: bigint
  fee: FeeBook | undefined
  reclaimAt: bigint
  openedIn: Hex
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
  bandwidth: number
  /** What it takes of its node; the point-units are known from the assignment on. */
  size: Size
}

export type NodeBook = {
  earned: bigint
  withdrawn: bigint
  payee: Address
  pendingPayee: Address
  operator: Address
  inUse: Size
  hosted: bigint
  completed: bigint
}

export type Rating = { sum: bigint; count: bigint }
export type Payout = { owner: Address; pushedAt: bigint; recipient: Address; pendingOwner: Address }
type Stake = { bonded: bigint; unbonding: bigint; lockedUntil: bigint; releaseAt: bigint }

/** Prices are µUSDC per hour; the lists are by tier of quality (point-units a vCPU) and of bandwidth. */
export type PolicyBook = {
  floors: PriceVector
  defaults: PriceVector
  unitsPerVcpu: readonly bigint[]
  multipliersBps: readonly bigint[]
  rates: readonly bigint[]
  platformBps: number
}

type Owned = { owner: Address; pendingOwner: Address }

/** A vote that completed its quorum: the credit has to come in the same transaction. */
type OpenCredit = { leaseId: Hex; duration: bigint; place: Place }

/** A settlement whose rule depends on what follows it in its transaction. */
export type OpenSettlement = { leaseId: Hex; before: Meter; settled: bigint; place: Place }

export type Books = {
  leases: Map<Hex, LeaseBook>
  balances: Map<Address, bigint>
  nodes: Map<number, NodeBook>
  /** By policy contract. */
  policies: Map<Address, PolicyBook>
  desk: Owned & {
    registry: Address
    policy: Address
    nextRegistry: Address
    nextPolicy: Address
    moveAt: bigint
    templates: Address
    nextTemplates: Address
    templatesMoveAt: bigint
    guardian: Address
    scheduler: Address
    pausedUntil: bigint
    /** From when the guardian may pause again. */
    nextPauseFrom: bigint
  }
  quorum: Owned & { attesters: readonly Address[]; quorum: bigint }
  renewals: Map<Hex, { amount: bigint; budget: bigint; runway: bigint }>
  /** By `signer nonce`. */
  nonces: Set<string>
  stacks: Set<Hex>
  /** By registry of templates. */
  shelves: Map<Address, TemplateShelf>
  /** By registry of nodes. */
  registries: Map<Address, NodeShelf>
  access: AccessShelf
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
  /** By node. */
  payouts: Map<number, Payout>
  openSettlements: OpenSettlement[]
  openCredits: OpenCredit[]
  differences: Difference[]
}

const NOBODY: Address = '0x0000000000000000000000000000000000000000'

const emptySize = (): Size => ({ pointUnits: 0n, memoryMiB: 0n, diskGiB: 0n, gpus: 0n })

export const emptyBooks = (): Books => ({
  leases: new Map(),
  balances: new Map(),
  nodes: new Map(),
  policies: new Map(),
  desk: {
    ...{ owner: NOBODY, pendingOwner: NOBODY },
    ...{ registry: NOBODY, policy: NOBODY, nextRegistry: NOBODY, nextPolicy: NOBODY, moveAt: 0n },
    ...{ templates: NOBODY, nextTemplates: NOBODY, templatesMoveAt: 0n },
    ...{ guardian: NOBODY, scheduler: NOBODY, pausedUntil: 0n, nextPauseFrom: 0n },
  },
  quorum: { owner: NOBODY, pendingOwner: NOBODY, attesters: [], quorum: 0n },
  renewals: new Map(),
  nonces: new Set(),
  stacks: new Set(),
  shelves: new Map(),
  registries: new Map(),
  access: { levels: new Map(), manifests: new Map(), keys: new Map() },
  usdc: 0n,
  obligations: 0n,
  donated: 0n,
  nodeRatings: new Map(),
  templateRatings: new Map(),
  stars: new Map(),
  attesters: new Set(),
  words: new Map(),
  stakes: new Map(),
  payouts: new Map(),
  openSettlements: [],
  openCredits: [],
  differences: [],
})

/** The node's page, a blank one when it is new. Node 0 is the platform. */
export const nodeBook = (books: Books, node: number): NodeBook => {
  const known = books.nodes.get(node)
  if (known !== undefined) return known
  const fresh = {
    ...{ earned: 0n, withdrawn: 0n, inUse: emptySize(), hosted: 0n, completed: 0n },
    ...{ payee: NOBODY, pendingPayee: NOBODY, operator: NOBODY },
  }
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
