// What a sponsor pays for. Addresses are free to make and money comes back from a lease that is closed at once, so no
// limit per address can bound the loss: the budget of the day does, and the rest shares it out.
import { DecloudError, formatUsdc } from '@decloud/protocol'
import type { SponsorKind } from '@decloud/protocol/wire/sponsor'

export type SponsorLimits = {
  /** A UTC day; a call that the contract refused after it was sent counts twice. */
  perAddressCount: number
  /** µUSDC of gas. */
  perAddressCost: bigint
  perOriginCount: number
  budget: bigint
  maxReverts: number
  minDeposit: bigint
  maxCostBps: number
  maxManifestBytes: number
}

/** Of one UTC day. What is under way counts with the most that it can cost. */
export type SponsorUsage = {
  address: { count: number; cost: bigint; reverts: number; underWay: number }
  /** Calls under way about the same lease or account. */
  subjectUnderWay: number
  originCount: number
  cost: bigint
}

/** Seconds that a signature must still be good for: a block may take a while, and one that lapses on the way is paid for. */
export const MIN_VALIDITY = 120n

/** The most gas that a call may take. A wallet contract's own check of a signature is part of it. */
export const GAS_CAP: Readonly<Record<SponsorKind, bigint>> = {
  open: 900_000n,
  'top-up': 250_000n,
  'top-up-from-wallet': 300_000n,
  close: 300_000n,
  withdraw: 250_000n,
  'auto-renew': 250_000n,
}

/** A stuck transaction is replaced up to seven times by one an eighth dearer: 1.125⁷ < 2.3. */
const REPLACEMENT = { numerator: 23n, denominator: 10n }
const WEI = 10n ** 18n
const BPS = 10_000n

/**
 * What gas costs, rounded up. @param coinPrice µUSDC of one coin.
 * @param fee wei a unit.
 */
export const costOf = (gas: bigint, fee: bigint, coinPrice: bigint): bigint =>
  (gas * fee * coinPrice + WEI - 1n) / WEI

/** The most that a call with this gas limit can cost, replacements included. */
export const worstCost = (gas: bigint, fee: bigint, coinPrice: bigint): bigint =>
  costOf(gas, (fee * REPLACEMENT.numerator) / REPLACEMENT.denominator, coinPrice)

export const dayOf = (nowMs: number): number => Math.floor(nowMs / 86_400_000)

const refusal = (code: string, message: string, hint: string) => new DecloudError(code, message, { hint })
const SELF = 'Send it with gas of your own.'
const TOMORROW = 'Send it with gas of your own, or try again after midnight UTC.'

/** Whether a call is worth its gas. @param cost what it is expected to cost, µUSDC. */
export const judgeWorth = (
  kind: SponsorKind,
  moves: bigint,
  cost: bigint,
  limits: SponsorLimits,
): DecloudError | null => {
  if (kind === 'open' && moves < limits.minDeposit) {
    return refusal(
      'sponsor-deposit-small',
      `Gas is paid for leases from ${formatUsdc(limits.minDeposit)} USDC on; this one pays in ${formatUsdc(moves)}.`,
      'Deposit more, or send it with gas of your own.',
    )
  }
  // Renewals move money later, and no more than their tenant's: there is no sum to hold the gas against.
  if (kind === 'auto-renew' || cost * BPS <= moves * BigInt(limits.maxCostBps)) return null
  return refusal(
    'sponsor-not-worth',
    `The gas would cost ${formatUsdc(cost)} USDC to move ${formatUsdc(moves)}; at most ${limits.maxCostBps / 100} % is paid.`,
    SELF,
  )
}

/** Whether the day has room for a call. @param cost the most that it can cost, µUSDC. */
export const judgeUsage = (usage: SponsorUsage, cost: bigint, limits: SponsorLimits): DecloudError | null => {
  const { address } = usage
  if (address.underWay > 0 || usage.subjectUnderWay > 0) {
    return refusal(
      'sponsor-busy',
      'An earlier call of this address, or about the same lease, is on its way.',
      'Wait for it, then try again.',
    )
  }
  if (address.reverts >= limits.maxReverts) {
    return refusal(
      'sponsor-reverts',
      `${address.reverts} calls of this address were refused by the contract today, after they were paid for.`,
      TOMORROW,
    )
  }
  if (address.count >= limits.perAddressCount) {
    return refusal(
      'sponsor-address-count',
      `This address has had the ${limits.perAddressCount} calls of its day.`,
      TOMORROW,
    )
  }
  if (address.cost + cost > limits.perAddressCost) {
    return refusal(
      'sponsor-address-cost',
      `This address has had gas for ${formatUsdc(address.cost)} USDC today; the most is ${formatUsdc(limits.perAddressCost)}.`,
      TOMORROW,
    )
  }
  if (usage.originCount >= limits.perOriginCount) {
    return refusal(
      'sponsor-origin-count',
      `Your network has had the ${limits.perOriginCount} calls of its day.`,
      TOMORROW,
    )
  }
  if (usage.cost + cost > limits.budget) {
    return refusal('sponsor-budget', "The sponsor's budget of today is used up.", TOMORROW)
  }
  return null
}

/** Whether a signature is good for long enough. @param now unix seconds on the chain's clock. */
export const judgeTimes = (
  { validAfter, validUntil }: { validAfter: bigint; validUntil: bigint },
  now: bigint,
): DecloudError | null => {
  if (validAfter >= now) {
    return refusal('mandate-early', 'The signature is not good yet.', 'Try again once it is.')
  }
  if (validUntil >= now + MIN_VALIDITY) return null
  return refusal(
    'mandate-expiring',
    `The signature is good for less than ${MIN_VALIDITY} seconds more.`,
    'Sign again with a later deadline.',
  )
}
