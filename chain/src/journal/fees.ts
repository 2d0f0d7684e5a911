import { MIN_PRIORITY_FEE } from '@decloud/protocol'
import type { Chain } from '../connect.ts'
import type { Fees } from './intents.ts'

// A node accepts a replacement that pays at least 10 % more in both fees; 12.5 % leaves room for rounding.
const BUMP = 1_125n
const BUMP_BASE = 1_000n

const max = (a: bigint, b: bigint) => (a > b ? a : b)
const bumped = (fee: bigint) => (fee * BUMP + BUMP_BASE - 1n) / BUMP_BASE

/**
 * EIP-1559 fees that survive six full blocks of rising base fee (×1.125⁶ ≈ 2), with the chain's least priority fee.
 * @returns wei per gas.
 */
export const currentFees = async (chain: Chain): Promise<Fees> =>
  chain.request('read the fees', async (client) => {
    const [block, suggested] = await Promise.all([
      client.getBlock({ blockTag: 'latest' }),
      client.estimateMaxPriorityFeePerGas(),
    ])
    const priority = max(suggested, MIN_PRIORITY_FEE[chain.deployment.chainId] ?? 0n)
    return { maxPriorityFeePerGas: priority, maxFeePerGas: (block.baseFeePerGas ?? 0n) * 2n + priority }
  })

/** Fees of a replacement: the current ones, and in any case enough above the last to be accepted. */
export const replacementFees = (last: Fees, current: Fees): Fees => ({
  maxPriorityFeePerGas: max(bumped(last.maxPriorityFeePerGas), current.maxPriorityFeePerGas),
  maxFeePerGas: max(bumped(last.maxFeePerGas), current.maxFeePerGas),
})
