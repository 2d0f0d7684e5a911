import { MIN_PRIORITY_FEE } from '@decloud/protocol'
import { formatGwei } from 'viem'
import type { Chain } from '../connect.ts'
import { ChainError } from '../errors.ts'
import type { Fees } from './intents.ts'

// A node accepts a replacement that pays at least 10 % more in both fees; 12.5 % leaves room for rounding.
const BUMP = 1_125n
const BUMP_BASE = 1_000n

const max = (a: bigint, b: bigint) => (a > b ? a : b)
const min = (a: bigint, b: bigint) => (a < b ? a : b)
const bumped = (fee: bigint) => (fee * BUMP + BUMP_BASE - 1n) / BUMP_BASE

/** What a transaction pays to get in now, wei per gas. `least` is under what no block takes it. */
export type Market = Fees & { least: bigint }

/** EIP-1559 fees that survive six full blocks of rising base fee (×1.125⁶ ≈ 2), with the chain's least priority fee. */
export const marketFees = async (chain: Chain): Promise<Market> =>
  chain.request('read the fees', async (client) => {
    const [block, suggested] = await Promise.all([
      client.getBlock({ blockTag: 'latest' }),
      client.estimateMaxPriorityFeePerGas(),
    ])
    const priority = max(suggested, MIN_PRIORITY_FEE[chain.deployment.chainId] ?? 0n)
    const base = block.baseFeePerGas ?? 0n
    return {
      maxPriorityFeePerGas: priority,
      maxFeePerGas: base * 2n + priority,
      least: base + (MIN_PRIORITY_FEE[chain.deployment.chainId] ?? 0n),
    }
  })

/** @throws ChainError `fee-cap` when no block would take a transaction that pays no more than `cap`. */
export const firstFees = (market: Market, cap: bigint): Fees => {
  if (market.least > cap) throw feeCap(market.least, cap)
  const maxFeePerGas = min(market.maxFeePerGas, cap)
  return { maxFeePerGas, maxPriorityFeePerGas: min(market.maxPriorityFeePerGas, maxFeePerGas) }
}

/**
 * Fees of a replacement: the market's, and in any case enough above the last to be accepted.
 * @returns `null` when that is more than `cap`.
 */
export const replacementFees = (last: Fees, market: Fees, cap: bigint): Fees | null => {
  const least = bumped(last.maxFeePerGas)
  if (least > cap) return null
  const maxFeePerGas = min(max(least, market.maxFeePerGas), cap)
  const priority = max(bumped(last.maxPriorityFeePerGas), market.maxPriorityFeePerGas)
  return { maxFeePerGas, maxPriorityFeePerGas: min(priority, maxFeePerGas) }
}

export const feeCap = (wanted: bigint, cap: bigint) =>
  new ChainError(
    'fee-cap',
    `Gas costs ${formatGwei(wanted)} gwei, and no more than ${formatGwei(cap)} may be paid.`,
    {
      retryable: true,
      hint: 'It waits until gas is cheaper; raise the cap if that takes too long.',
      details: { wantedWei: String(wanted), capWei: String(cap) },
    },
  )
