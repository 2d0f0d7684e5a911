// Mirror of contracts/src/libraries/Billing.sol and of how LeaseEscrow uses it. Everything here is a pure function of
// what the escrow stores and of a time; test/vectors holds it to the EVM.
import { BPS, divUp, SECONDS_PER_HOUR } from './units.ts'

/** What billing needs of a lease. Times are unix seconds, 0 while unset; money is µUSDC. */
export type Meter = {
  pricePerHour: bigint
  deposited: bigint
  settled: bigint
  /** What earlier paid segments cost; a top-up after depletion begins a new one. */
  paidBefore: bigint
  startedAt: number
  endedAt: number
  credited: number
  holdBack: number
  minCharge: number
  endReason: string
}

const max = (a: bigint, b: bigint) => (a > b ? a : b)
const min = (a: bigint, b: bigint) => (a < b ? a : b)

/** What accrued up to `at`, before any cap; looks back over an earlier segment when `at` lies before this one. */
export const accruedDown = (meter: Meter, at: number): bigint => {
  const origin = meter.startedAt + meter.credited
  if (at >= origin) return meter.paidBefore + costDown(meter.pricePerHour, at - origin)
  return max(meter.paidBefore - costUp(meter.pricePerHour, origin - at), 0n)
}

/** The price of `seconds`, rounded down: what a tenant is billed. */
export const costDown = (pricePerHour: bigint, seconds: number): bigint =>
  (pricePerHour * BigInt(seconds)) / SECONDS_PER_HOUR

/** The price of `seconds`, rounded up: what surely lasts that long. */
export const costUp = (pricePerHour: bigint, seconds: number): bigint =>
  divUp(pricePerHour * BigInt(seconds), SECONDS_PER_HOUR)

/** What the lease owes for the time up to `at`, vested or not. */
export const due = (meter: Meter, at: number): bigint => {
  if (meter.startedAt === 0) return 0n
  const until = meter.endedAt !== 0 && meter.endedAt < at ? meter.endedAt : at
  const leastCharge =
    meter.endReason === 'ClosedByTenant' ? costDown(meter.pricePerHour, meter.minCharge) : 0n
  return min(max(accruedDown(meter, until), leastCharge), meter.deposited)
}

/** What may be paid out at `at`: what is due, less the last `holdBack` seconds. */
export const vested = (meter: Meter, at: number): bigint =>
  max(meter.settled, due(meter, Math.max(at - meter.holdBack, 0)))

/** The final bill if the tenant closed at `at`. */
export const billIfClosedAt = (meter: Meter, at: number): bigint =>
  meter.startedAt === 0
    ? 0n
    : max(meter.settled, due({ ...meter, endedAt: at, endReason: 'ClosedByTenant' }, at))

/** The first second at which everything paid in is due; 0 while the lease is not running. */
export const runsOutAt = (meter: Meter): number =>
  meter.startedAt === 0 || meter.endedAt !== 0
    ? 0
    : meter.startedAt +
      meter.credited +
      Number(divUp((meter.deposited - meter.paidBefore) * SECONDS_PER_HOUR, meter.pricePerHour))

/** Nested cuts of a cumulative amount: platform on the gross, relay on the rest, the node gets what remains. */
export const sharesDown = (
  amount: bigint,
  platformBps: bigint,
  relayBps: bigint,
): { platform: bigint; relay: bigint; node: bigint } => {
  const platform = (amount * platformBps) / BPS
  const relay = ((amount - platform) * relayBps) / BPS
  return { platform, relay, node: amount - platform - relay }
}
