// Reads of the marketplace's tables. Every method sees one committed block; money is µUSDC, times are unix seconds.
import type { PolicyParameters, ProtocolEvent } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import type { GrantView, PostedManifestView, SealingKeyView } from '../domain/access.ts'
import type { NodeBook } from '../domain/book.ts'
import type { DeskView, QuorumView } from '../domain/desk.ts'
import type { Flow, FlowDay, FlowKind } from '../domain/flow.ts'
import type { NodeView } from '../domain/node.ts'
import type { Uptime } from '../domain/reputation.ts'
import type { Rating, ReviewView } from '../domain/review.ts'
import type { StakeView } from '../domain/stake.ts'
import type { TemplateView, VersionView } from '../domain/template.ts'

/** `next` is opaque and goes into the next query's `cursor`; `null` on the last page. */
export type Page<row> = { rows: row[]; next: string | null }
/** At most `limit` rows; `cursor` of a page with the same filter and sort. @throws DecloudError `cursor-invalid`. */
type Paging = { limit: number; cursor?: string | undefined }

export type MarketNode = NodeView &
  Pick<NodeBook, 'inUse' | 'hosted' | 'completed' | 'payee'> & {
    /** Earned and not yet withdrawn. */
    earned: bigint
    /** Not in use, never under zero. */
    free: NodeBook['inUse']
    /** Nodes that it relays for now. */
    relayed: number
    hasCustomPricing: boolean
    /** Of the reference guest (wire/api.ts) at the present policy; `null` before a policy was read. */
    referencePricePerHour: bigint | null
    rating: Rating
    /** Attested uptime over the 30 days before the newest indexed block; no opinions: unknown. */
    uptime: Uptime
    /** The operator's stake, in units of the staked token, and whether it makes the node premium. */
    bonded: bigint
    isPremium: boolean
  }

export type NodeSort = 'node' | 'price' | 'uptime' | 'capacity' | 'rating'
export type NodeQuery = Paging & {
  active?: boolean | undefined
  operator?: Address | undefined
  /** Text of the region, whole. */
  region?: string | undefined
  /** All of them must be there; case does not matter. */
  tags?: readonly string[] | undefined
  /** µUSDC per hour of the reference guest. */
  maxPrice?: bigint | undefined
  minUptimeBps?: number | undefined
  /** Free point-units. */
  minPointUnits?: bigint | undefined
  requiresGpu?: boolean | undefined
  premium?: boolean | undefined
  /** Words in description, tags and region; prefixes match. */
  search?: string | undefined
  /** `price` ascends, `node` ascends, the others descend; ties by node. `node` by default. */
  sort?: NodeSort | undefined
}

export type MarketTemplate = TemplateView & {
  /** `null` only for a template whose first version is not there. */
  latest: Omit<VersionView, 'content'> | null
  rating: Rating
  /** Leases that were opened with it, ever. */
  deployed: number
}
export type TemplateSort = 'newest' | 'popular' | 'rating' | 'slug'
export type TemplateQuery = Paging & {
  author?: Address | undefined
  /** Archived ones are left out unless asked for. */
  archived?: boolean | undefined
  requiresGpu?: boolean | undefined
  maxFee?: bigint | undefined
  /** Words in slug and content; prefixes match. */
  search?: string | undefined
  /** `newest` by default. */
  sort?: TemplateSort | undefined
}

export type ReviewQuery = Paging &
  ({ node: number } | { template: number } | { author: Address } | { leaseId: Hex })

/** What an attester said of a node on a day: missed beats. */
export type Attestation = { attester: Address; day: number; missed: number }

export type Relay = {
  node: number
  /** Places offered; 0 while the node is itself behind a relay. */
  capacity: number
  used: number
  users: number[]
  /** Earned as a relay, ever. */
  earned: bigint
}

export type FlowQuery = Paging & {
  node?: number | undefined
  account?: Address | undefined
  leaseId?: Hex | undefined
  kinds?: readonly FlowKind[] | undefined
  /** Of the block: `from` included, `until` not. */
  from?: number | undefined
  until?: number | undefined
}

/** One event of a lease, as decoded; see ProtocolEvent. */
type LeaseEvent = Pick<ProtocolEvent, 'contract' | 'name' | 'args'> & {
  block: bigint
  logIndex: number
  transaction: Hex
  at: number
}

export type MarketCounts = {
  nodes: number
  activeNodes: number
  templates: number
  reviews: number
  leases: Record<'Requested' | 'Assigned' | 'Active' | 'Ended', number>
}

export type Market = {
  nodes(query: NodeQuery): Page<MarketNode>
  /** By index or by 32-byte id. */
  node(id: number | Hex): MarketNode | undefined
  /** Every node, by index; kept until a table changes, so repeated calls within a block are cheap. */
  allNodes(): readonly MarketNode[]

  templates(query: TemplateQuery): Page<MarketTemplate>
  /** By index or by slug. */
  template(id: number | string): MarketTemplate | undefined
  /** Oldest first. */
  versions(template: number): Omit<VersionView, 'content'>[]
  /** What a version says, where it is short enough to be listed by it. */
  listedText(template: number, version: number): string | null
  /** With its content; `text` is what it says once unpacked, `null` when that is not text or lies behind a URI. */
  version(template: number, version: number): (VersionView & { text: string | null }) | undefined

  /** Newest first. */
  reviews(query: ReviewQuery): Page<ReviewView>

  /** Of the 30 days before the newest indexed block, oldest first. */
  attestations(node: number): Attestation[]
  /** @returns zero stakes too: who ever staked on the node. */
  stakes(node: number): StakeView[]

  /** Nodes that offer to relay or serve someone. */
  relays(): Relay[]
  relay(node: number): Relay | undefined

  /** Newest first. */
  flows(query: FlowQuery): Page<Flow>
  /** By day, oldest first. @param node of one node, or of the whole market for `null`. Days since 1970, both included. */
  flowDays(node: number | null, days: { from: number; to: number }): FlowDay[]

  /** The timeline of a lease, oldest first; also what LeaseAccess, Reviews, mandates and quorum say of it. */
  leaseEvents(query: Paging & { leaseId: Hex }): Page<LeaseEvent>
  /** Height of the block in which the lease ended, `null` while it has not. */
  endOf(leaseId: Hex): bigint | null
  /** Empty once the lease has ended. */
  collaborators(leaseId: Hex): (GrantView & { key: SealingKeyView | null })[]
  /** Leases that live and to which the account was given access. */
  sharedWith(account: Address): GrantView[]
  sealingKey(account: Address): SealingKeyView | undefined
  /** Latest manifest posted after the opening's. */
  postedManifest(leaseId: Hex): PostedManifestView | undefined

  /** Who attests uptime. */
  attesters(): readonly Address[]
  /** Who votes on downtime. */
  quorum(): QuorumView
  desk(): DeskView
  policy(): PolicyParameters | undefined
  /** Oldest first. */
  policies(): { policy: PolicyParameters; block: bigint; at: number }[]

  counts(): MarketCounts
}
