import type { ProtocolEvent } from '@decloud/protocol'
import type { Address } from 'viem'

/** One account's stake on one node, in units of the staked token. Times are unix seconds. */
export type StakeView = {
  node: number
  staker: Address
  bonded: bigint
  unbonding: bigint
  lockedUntil: number
  releaseAt: number
}

export const stakeIn = ({ args }: Extract<ProtocolEvent, { contract: 'PremiumStake' }>): StakeView => ({
  ...args,
})

/** @param minimum of the contract; `null` where none is deployed. @param bonded of the node's present operator. */
export const isPremium = (bonded: bigint, minimum: bigint | null): boolean =>
  minimum !== null && bonded >= minimum
