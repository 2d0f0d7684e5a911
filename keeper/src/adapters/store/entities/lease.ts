// Leases, and all that is summed over them: what nodes hold and earn, the movements of money, how many there are.
import {
  applyLeaseEvent,
  type Deployment,
  due,
  type EndReason,
  type LeaseView,
  leaseSources,
  type PolicyParameters,
  type ProtocolEvent,
  pointUnits,
  type Renewal,
  type TemplateFee,
  type Terms,
} from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Hex } from 'viem'
import { sharesOfLease } from '../../../domain/book.ts'
import { flowsOfLease } from '../../../domain/flow.ts'
import {
  amount,
  bytes,
  type Codec,
  type Columns,
  flag,
  height,
  integer,
  json,
  makeTable,
  nullableText,
  text,
} from '../table.ts'
import type { Entity } from './entity.ts'
import type { makeBooks, makeCounts, makeFlows } from './sums.ts'

type Opening = Pick<LeaseView, 'leaseId' | 'terms' | 'manifest'>
/** `pointUnits` of the guest, by the policy at its assignment; 0 before. */
type LeaseRow = Omit<LeaseView, 'terms' | 'manifest'> & { pointUnits: bigint; open: boolean }
type Placed = { lease: LeaseView; pointUnits: bigint }

const LEASE_COLUMNS: Columns<LeaseRow> = {
  leaseId: ['lease_id', text<Hex>()],
  tenant: ['tenant', text()],
  node: ['node', integer],
  status: ['status', text<LeaseView['status']>()],
  requestedAtBlock: ['requested_at', height],
  pricePerHour: ['price_per_hour', amount],
  minCharge: ['min_charge', integer],
  notice: ['notice', integer],
  platformBps: ['platform_bps', integer],
  relay: ['relay', integer],
  relayBps: ['relay_bps', integer],
  activateBy: ['activate_by', integer],
  startedAt: ['started_at', integer],
  hostKeyFingerprint: ['host_key', nullableText<Hex>()],
  deposited: ['deposited', amount],
  settled: ['settled', amount],
  paidBefore: ['paid_before', amount],
  credited: ['credited', integer],
  holdBack: ['hold_back', integer],
  reclaimAt: ['reclaim_at', integer],
  formerRelays: ['former_relays', json<LeaseView['formerRelays']>()],
  templateFee: ['template_fee', json<TemplateFee | null>()],
  renewal: ['renewal', json<Renewal>()],
  endReason: ['end_reason', text<EndReason>()],
  endedAt: ['ended_at', integer],
  due: ['due', amount],
  refunded: ['refunded', amount],
  pointUnits: ['point_units', amount],
  open: ['open', flag],
}

type PlainTerms = Omit<Terms, 'maxPricePerHour' | 'deposit' | 'maxTemplateFee'> &
  Record<'maxPricePerHour' | 'deposit' | 'maxTemplateFee', string>

/** As `json` does it, for what is read with every lease: three amounts are known to be there, and no other. */
const termsJson: Codec<Terms> = {
  write: (terms) =>
    JSON.stringify({
      ...terms,
      maxPricePerHour: String(terms.maxPricePerHour),
      deposit: String(terms.deposit),
      maxTemplateFee: String(terms.maxTemplateFee),
    } satisfies PlainTerms),
  read: (cell) => {
    const plain = JSON.parse(cell as string) as PlainTerms
    const { maxPricePerHour, deposit, maxTemplateFee } = plain
    const amounts = {
      maxPricePerHour: BigInt(maxPricePerHour),
      deposit: BigInt(deposit),
      maxTemplateFee: BigInt(maxTemplateFee),
    }
    return { ...plain, ...amounts }
  },
}

const OPENING_COLUMNS: Columns<Opening & { template: number }> = {
  leaseId: ['lease_id', text<Hex>()],
  template: ['template', integer],
  terms: ['terms', termsJson],
  manifest: ['manifest', bytes],
}

export const leaseTables = (db: Database) => ({
  leases: makeTable(db, { name: 'leases', key: ['leaseId'], columns: LEASE_COLUMNS }),
  openings: makeTable(db, { name: 'lease_openings', key: ['leaseId'], columns: OPENING_COLUMNS }),
})

/** A lease is open while a settle or anything else can still change it. */
const isOpen = (lease: LeaseView) => lease.status !== 'Ended' || lease.settled < due(lease, lease.endedAt)

const NO_SHARES = new Map()

export type LeaseDeps = {
  deployment: Deployment
  books: ReturnType<typeof makeBooks>
  counts: ReturnType<typeof makeCounts>
  flows: ReturnType<typeof makeFlows>
  /** The policy in force when an event happened. */
  policyAt(event: ProtocolEvent): PolicyParameters | undefined
}

export const leaseEntity = (db: Database, deps: LeaseDeps): Entity<Hex, Placed> => {
  const { books, counts, flows, policyAt } = deps
  const { leases, openings } = leaseTables(db)
  const unitsOf = (lease: LeaseView, event: ProtocolEvent): bigint => {
    const policy = policyAt(event)
    return policy === undefined ? 0n : pointUnits(lease.terms, policy)
  }
  const count = (placed: Placed | undefined, by: 1 | -1) => {
    if (placed === undefined) return
    const { status, terms } = placed.lease
    counts.move(`leases ${status}`, 0, by)
    if (terms.template !== 0) counts.move('deployed', terms.template, by)
  }
  const sharesOf = (placed: Placed | undefined) =>
    placed === undefined ? NO_SHARES : sharesOfLease(placed.lease, placed.pointUnits)
  return {
    contracts: ['LeaseEscrow', 'LeaseMandates'],
    keyOf: ({ args }) => ('leaseId' in args ? args.leaseId : undefined),
    logs: (leaseId) => ({ address: leaseSources(deps.deployment), topic1: leaseId }),
    apply: (placed, event) => {
      const lease = applyLeaseEvent(placed?.lease, event)
      if (lease === undefined) return undefined
      const units = event.name === 'LeaseAssigned' ? unitsOf(lease, event) : (placed?.pointUnits ?? 0n)
      return { lease, pointUnits: units }
    },
    load: (leaseId) => {
      const row = leases.get(leaseId)
      const opening = openings.get(leaseId)
      if (row === undefined || opening === undefined) return undefined
      const { pointUnits, open: _, ...rest } = row
      return { lease: { ...rest, terms: opening.terms, manifest: opening.manifest }, pointUnits }
    },
    onStep: (event, before, after) => flows.add(flowsOfLease(event, before?.lease, after?.lease)),
    save: (leaseId, before, after) => {
      books.move(sharesOf(before), sharesOf(after))
      count(before, -1)
      count(after, 1)
      if (after === undefined) {
        leases.drop(leaseId)
        openings.drop(leaseId)
        return
      }
      const { terms, manifest, ...row } = after.lease
      leases.put({ ...row, pointUnits: after.pointUnits, open: isOpen(after.lease) })
      if (before === undefined) openings.put({ leaseId, terms, manifest, template: terms.template })
    },
  }
}
