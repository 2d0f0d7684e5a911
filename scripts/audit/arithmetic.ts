// The sums of the escrow, worked out again from docs and from nothing else: this file and the mirror in @decloud/protocol
// must be able to disagree. Money is µUSDC, times are seconds, all of it bigint.
const HOUR = 3_600n
const BPS = 10_000n

const least = (a: bigint, b: bigint) => (a < b ? a : b)
const most = (a: bigint, b: bigint) => (a > b ? a : b)

/** Towards −∞; BigInt division alone goes towards zero. */
const floorDiv = (numerator: bigint, denominator: bigint): bigint => {
  const quotient = numerator / denominator
  return numerator % denominator < 0n ? quotient - 1n : quotient
}

/** What the bill of a lease depends on. `endedAt` 0 while it runs, `startedAt` 0 before it does. */
export type Meter = {
  price: bigint
  deposited: bigint
  settled: bigint
  paidBefore: bigint
  startedAt: bigint
  endedAt: bigint
  credited: bigint
  holdBack: bigint
  minCharge: bigint
  closedByTenant: boolean
}

/** What is owed for the time up to `at`: never more than was paid in, at least the minimum once the tenant left. */
export const owed = (meter: Meter, at: bigint): bigint => {
  if (meter.startedAt === 0n) return 0n
  const until = meter.endedAt === 0n ? at : least(at, meter.endedAt)
  const seconds = until - meter.startedAt - meter.credited
  const accrued = most(0n, meter.paidBefore + floorDiv(meter.price * seconds, HOUR))
  const minimum = meter.closedByTenant ? floorDiv(meter.price * meter.minCharge, HOUR) : 0n
  return least(meter.deposited, most(accrued, minimum))
}

/** What may have been paid out by `at`; what is settled stays settled. */
export const payable = (meter: Meter, at: bigint): bigint =>
  most(meter.settled, owed(meter, most(0n, at - meter.holdBack)))

/** The whole bill of a lease that has ended. */
export const finalBill = (meter: Meter): bigint => most(meter.settled, owed(meter, meter.endedAt))

/** Whether everything paid in is owed by `at`. */
export const isDepleted = (meter: Meter, at: bigint): boolean =>
  meter.startedAt !== 0n && owed({ ...meter, closedByTenant: false }, at) === meter.deposited

/** The first second at which everything paid in is owed. */
const runsOutAt = (meter: Meter): bigint =>
  meter.startedAt + meter.credited - floorDiv(-(meter.deposited - meter.paidBefore) * HOUR, meter.price)

/**
 * A meter after `asked` seconds went back to the tenant: no more than is held back, nor than what is owed and not
 * settled buys. Of a lease that ran dry before, the gap leaves the books.
 * @param at now, or the end of a lease that has ended.
 */
export const afterCredit = (meter: Meter, asked: bigint, at: bigint): { meter: Meter; duration: bigint } => {
  const open = most(0n, owed(meter, at) - meter.settled)
  const duration = least(asked, least(meter.holdBack, floorDiv(open * HOUR, meter.price)))
  const given = { ...meter, credited: meter.credited + duration }
  const dry = runsOutAt(meter)
  if (dry >= at) return { meter: given, duration }
  const accrued = given.paidBefore + floorDiv(given.price * (dry - given.startedAt - given.credited), HOUR)
  const paidBefore = least(meter.deposited, most(0n, accrued))
  return { meter: { ...meter, paidBefore, startedAt: at, credited: 0n }, duration }
}

/** Who gets what of a cumulative amount: the platform off the top, the relay off the rest, the node what remains. */
export const split = (
  amount: bigint,
  cuts: { platformBps: bigint; relayBps: bigint },
): { platform: bigint; relay: bigint; node: bigint } => {
  const platform = floorDiv(amount * cuts.platformBps, BPS)
  const relay = floorDiv((amount - platform) * cuts.relayBps, BPS)
  return { platform, relay, node: amount - platform - relay }
}

/** µUSDC per hour: of a compute point (12 point-units), of a GiB, of a GPU. */
export type PriceVector = { point: bigint; memoryGiB: bigint; diskGiB: bigint; gpu: bigint }

/** What applies to a node: its own prices or, when it has none, the platform's; never under a floor. */
export const priceOf = (own: PriceVector, defaults: PriceVector, floors: PriceVector): PriceVector => {
  const isOwn = own.point + own.memoryGiB + own.diskGiB + own.gpu > 0n
  const base = isOwn ? own : defaults
  return {
    point: most(base.point, floors.point),
    memoryGiB: most(base.memoryGiB, floors.memoryGiB),
    diskGiB: most(base.diskGiB, floors.diskGiB),
    gpu: most(base.gpu, floors.gpu),
  }
}

/** An hour of a machine: what its parts cost × the multiplier of its bandwidth, rounded up once, + the bandwidth's rate. */
export const hourlyUp = (
  size: { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: bigint },
  price: PriceVector,
  { multiplierBps, rate }: { multiplierBps: bigint; rate: bigint },
): bigint => {
  // Over 12 × 1,024 every part is whole.
  const whole = 12n * 1_024n
  const cost =
    size.pointUnits * price.point * 1_024n +
    size.memoryMiB * price.memoryGiB * 12n +
    (size.diskGiB * price.diskGiB + size.gpus * price.gpu) * whole
  return -floorDiv(-cost * multiplierBps, whole * BPS) + rate
}
