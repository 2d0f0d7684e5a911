// What is to be done on chain for leases that can still change: a pure function of them and of the time of the newest
// block. A keeper asks it of all leases, a node's agent of its own. Whatever one of them leaves out anybody else may do;
// whatever is done twice is a no-op in the contract.
import { type Address, type Hex, keccak256 } from 'viem'
import { costUp, due, runsOutAt, vested } from './billing.ts'
import { MIN_RUNWAY } from './caps.ts'
import { type GasPrice, gasCost, isWithin } from './gas.ts'
import type { LeaseView } from './lease-fold.ts'

/** Seconds after depletion from which anyone may end a lease. Mirrors `Caps.DEPLETED_GRACE`. */
export const DEPLETED_GRACE = 72 * 3_600

/** Gas for planning alone: what is sent is estimated first. Dear cases of the gas snapshots. */
export const PLANNED_GAS = { call: 40_000n, settleOne: 25_000n } as const

export type UpkeepLimits = {
  /** Settle a running lease once at least so much (µUSDC) has vested since the last time. */
  minSettle: bigint
  /** Leases in one settle transaction at most. */
  batchSize: number
  /** Of what a chore moves to those who earned it, or keeps running, at most this part may go for its gas. */
  gasCapBps: bigint
}

/** What the chores are drawn from: leases that can still change, and internal balances in µUSDC. */
export type UpkeepFacts = { leases: readonly LeaseView[]; balanceOf(account: Address): bigint }

/** `moves`: µUSDC that go to those who earned them (settle, release), into the lease (renew) or back (expire, end). */
export type Chore =
  | { kind: 'settle'; leaseIds: readonly Hex[]; moves: bigint }
  | { kind: 'renew' | 'expire' | 'end' | 'release'; leaseId: Hex; moves: bigint }
export type ChoreKind = Chore['kind']

/** Leases that have something to settle, and not enough of it for its gas: they wait and go with others. */
type Waiting = { leases: number; moves: bigint }
export type Plan = { chores: Chore[]; waiting: Waiting }

/** µUSDC that settling at `now` would credit. */
const gainOf = (lease: LeaseView, now: number): bigint => vested(lease, now) - lease.settled

/** Whether all that a settle can ever credit of this lease is there: it has ended and its hold-back is over. */
const isWhole = (lease: LeaseView, now: number): boolean =>
  lease.status === 'Ended' && vested(lease, now) >= due(lease, lease.endedAt)

const isWorthSettling = (lease: LeaseView, now: number, minSettle: bigint): boolean => {
  const gain = gainOf(lease, now)
  return gain > 0n && (gain >= minSettle || isWhole(lease, now))
}

type Gain = { leaseId: Hex; gain: bigint }

const settleCost = (leases: number, price: GasPrice): bigint =>
  gasCost(PLANNED_GAS.call + PLANNED_GAS.settleOne * BigInt(leases), price)

/** @param gains richest first. @returns as many of them, from the richest on, as together pay for one batch. */
const payingOf = (gains: readonly Gain[], limits: UpkeepLimits, price: GasPrice): readonly Gain[] => {
  let moves = 0n
  let paying = 0
  for (const [nth, { gain }] of gains.slice(0, limits.batchSize).entries()) {
    moves += gain
    if (isWithin(settleCost(nth + 1, price), moves, limits.gasCapBps)) paying = nth + 1
  }
  return gains.slice(0, paying)
}

/** Batches of the richest, then of the next. */
const inTurn = (gains: readonly Gain[], limits: UpkeepLimits, price: GasPrice): (readonly Gain[])[] => {
  const batches: (readonly Gain[])[] = []
  for (let at = 0; at < gains.length; ) {
    const batch = payingOf(gains.slice(at, at + limits.batchSize), limits, price)
    if (batch.length === 0) break
    batches.push(batch)
    at += batch.length
  }
  return batches
}

/** Batches dealt round, so that each has of the rich and of the poor: no more than there are leases that pay for themselves. */
const dealt = (gains: readonly Gain[], limits: UpkeepLimits, price: GasPrice): (readonly Gain[])[] => {
  const payers = gains.filter(({ gain }) => isWithin(settleCost(1, price), gain, limits.gasCapBps))
  const count = Math.min(Math.ceil(gains.length / limits.batchSize), payers.length)
  const hands = Array.from({ length: count }, (): Gain[] => [])
  for (const [nth, gain] of gains.entries()) hands[nth % count]?.push(gain)
  return hands.map((hand) => payingOf(hand, limits, price)).filter((batch) => batch.length > 0)
}

/**
 * Batches, richest leases first. The small remains of ended leases never grow: they ride along where what the others
 * bring pays for the whole batch, spread over all batches where the last ones would be of nothing else, and wait for such
 * others when there is too little for all.
 */
const settlesAt = ({ leases }: UpkeepFacts, now: number, limits: UpkeepLimits, price: GasPrice): Plan => {
  const gains = leases
    .filter((lease) => isWorthSettling(lease, now, limits.minSettle))
    .map((lease): Gain => ({ leaseId: lease.leaseId, gain: gainOf(lease, now) }))
    .sort((a, b) => (a.gain === b.gain ? (a.leaseId < b.leaseId ? -1 : 1) : a.gain > b.gain ? -1 : 1))
  const movesOf = (some: readonly Gain[]) => some.reduce((sum, { gain }) => sum + gain, 0n)
  const plain = inTurn(gains, limits, price)
  const spread = plain.flat().length < gains.length ? dealt(gains, limits, price) : []
  const batches = spread.flat().length > plain.flat().length ? spread : plain
  const taken = batches.flat()
  return {
    chores: batches.map((batch) => {
      const leaseIds = batch.map(({ leaseId }) => leaseId)
      return { kind: 'settle', leaseIds, moves: movesOf(batch) }
    }),
    waiting: { leases: gains.length - taken.length, moves: movesOf(gains) - movesOf(taken) },
  }
}

/** Renewals that the tenants' bounds and balances allow now; each takes from what the tenant's next one may use. */
const renewalsAt = ({ leases, balanceOf }: UpkeepFacts, now: number): Chore[] => {
  const left = new Map<Address, bigint>()
  return leases.flatMap((lease): Chore[] => {
    const { amount, budget, runway } = lease.renewal
    const runsOut = runsOutAt(lease)
    if (lease.status !== 'Active' || amount === 0n || budget < amount || now + runway < runsOut) return []
    // A depleted lease begins a new paid segment, which must last a while.
    const least = costUp(lease.pricePerHour, Math.max(lease.minCharge, MIN_RUNWAY))
    if (now >= runsOut && amount < least) return []
    const balance = left.get(lease.tenant) ?? balanceOf(lease.tenant)
    if (balance < amount) return []
    left.set(lease.tenant, balance - amount)
    return [{ kind: 'renew', leaseId: lease.leaseId, moves: amount }]
  })
}

const endingAt = (lease: LeaseView, now: number): Chore[] => {
  const { leaseId, status } = lease
  const waits = status === 'Requested' || status === 'Assigned'
  if (waits && now > lease.activateBy) {
    return [{ kind: 'expire', leaseId, moves: lease.deposited + (lease.templateFee?.held ?? 0n) }]
  }
  if (status !== 'Active' || now < runsOutAt(lease) + DEPLETED_GRACE) return []
  return [{ kind: 'end', leaseId, moves: lease.deposited - lease.settled }]
}

const releaseAt = (lease: LeaseView, now: number): Chore[] => {
  const fee = lease.templateFee
  if (lease.status !== 'Active' || fee === null || fee.held === 0n) return []
  if (now < lease.startedAt + fee.refundWindow) return []
  return [{ kind: 'release', leaseId: lease.leaseId, moves: fee.held }]
}

/**
 * @param now unix seconds of the newest block.
 * @param price of gas at present.
 * @returns everything to be done: what keeps machines running first, then what frees money and capacity.
 */
export const choresAt = (facts: UpkeepFacts, now: number, limits: UpkeepLimits, price: GasPrice): Plan => {
  const renewals = renewalsAt(facts, now)
  const renewed = new Set(renewals.flatMap((chore) => ('leaseId' in chore ? chore.leaseId : [])))
  const settles = settlesAt(facts, now, limits, price)
  const others = facts.leases.filter(({ leaseId }) => !renewed.has(leaseId))
  return {
    chores: [
      ...renewals,
      ...settles.chores,
      ...others.flatMap((lease) => endingAt(lease, now)),
      ...facts.leases.flatMap((lease) => releaseAt(lease, now)),
    ],
    waiting: settles.waiting,
  }
}

/**
 * The same chores in an order of one's own within each kind, so that two with the same list seldom do the same thing at
 * the same moment. Settle batches keep theirs: the richest come first.
 */
export const inOwnOrder = (chores: readonly Chore[], self: Address): Chore[] => {
  const rank = new Map<Chore, string>()
  for (const chore of chores) {
    if ('leaseId' in chore) rank.set(chore, keccak256(`${self}${chore.leaseId.slice(2)}`))
  }
  const kinds = [...new Set(chores.map(({ kind }) => kind))]
  return kinds.flatMap((kind) =>
    chores
      .filter((chore) => chore.kind === kind)
      .sort((a, b) => ((rank.get(a) ?? '') < (rank.get(b) ?? '') ? -1 : rank.has(a) ? 1 : 0)),
  )
}
