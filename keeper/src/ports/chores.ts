import type { Address, Hex } from 'viem'

export type ChoreCall = { kind: string; to: Address; data: Hex }

/** The chain as it is now, asked just before something is sent. Every method throws as `Chain.request` does. */
export type ChoreChain = {
  /** µUSDC that settling would credit to each, by the newest block; 0 for a lease that has nothing to settle. */
  gains(leaseIds: readonly Hex[]): Promise<readonly bigint[]>
  /** Gas that the call takes. @throws RevertError `simulation-reverted` when it would be refused. */
  estimate(call: ChoreCall): Promise<bigint>
  /** Wei per gas that a transaction pays now. */
  weiPerGas(): Promise<bigint>
  /** Wei that the keeper has for gas. */
  funds(): Promise<bigint>
}
