// What a transaction may cost, in the money that it moves.

/** `weiPerGas` as it would be paid now; `coinUsdc`: µUSDC that one coin (10¹⁸ wei) of gas is taken to be worth. */
export type GasPrice = { weiPerGas: bigint; coinUsdc: bigint }

const WEI_PER_COIN = 10n ** 18n
const BPS = 10_000n

/** µUSDC, rounded up: what is spent is never taken for less. */
export const gasCost = (gas: bigint, { weiPerGas, coinUsdc }: GasPrice): bigint =>
  (gas * weiPerGas * coinUsdc + WEI_PER_COIN - 1n) / WEI_PER_COIN

/** Whether `cost` is at most `capBps` of what is `moved`; all µUSDC. */
export const isWithin = (cost: bigint, moved: bigint, capBps: bigint): boolean => cost * BPS <= moved * capBps
