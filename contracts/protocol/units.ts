import { DecloudError } from './errors.ts'

/** µUSDC in one USDC: the token has six decimals. */
export const USDC = 1_000_000n
export const SECONDS_PER_HOUR = 3_600n
/** Point-units in one compute point: 12 makes all four overcommit ratios exact integers. */
export const UNITS_PER_POINT = 12n
export const MIB_PER_GIB = 1_024n
export const BPS = 10_000n

const AMOUNT = /^(\d+)(?:\.(\d{1,6}))?$/

/**
 * Reads a decimal amount of USDC ("12", "0.25") into µUSDC, exactly.
 * @throws DecloudError `amount-invalid` on anything else, including more than six decimals.
 */
export const parseUsdc = (text: string): bigint => {
  const match = AMOUNT.exec(text.trim())
  if (match === null) {
    throw new DecloudError('amount-invalid', `"${text}" is not an amount of USDC.`, {
      hint: 'Write digits with at most six decimals, for example 2.5.',
    })
  }
  return BigInt(match[1]!) * USDC + BigInt((match[2] ?? '').padEnd(6, '0'))
}

/** µUSDC as a decimal text without trailing zeros, at least two decimals: 1500000n → "1.50". */
export const formatUsdc = (amount: bigint): string => {
  const sign = amount < 0n ? '-' : ''
  const abs = amount < 0n ? -amount : amount
  const fraction = (abs % USDC)
    .toString()
    .padStart(6, '0')
    .replace(/0{1,4}$/, '')
  return `${sign}${abs / USDC}.${fraction}`
}

/** Rounds towards +∞; both operands must be non-negative, the divisor positive. */
export const divUp = (numerator: bigint, denominator: bigint): bigint =>
  (numerator + denominator - 1n) / denominator
