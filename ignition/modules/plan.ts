import type { Address } from 'viem'

/** What a deployment depends on besides the tree. Amounts in µUSDC. */
export type Plan = {
  /** Circle's USDC; none on a chain of one's own, which gets one. */
  usdc: Address | undefined
  deployer: Address
  /** May announce what the timelock is to do, and cancel it. */
  proposers: readonly Address[]
  /** May carry it out after the delay; the zero address is anybody. */
  executors: readonly Address[]
  platformPayee: Address
  guardian: Address
  scheduler: Address
  /** They attest uptime, and `quorum` of them credit downtime. */
  attesters: readonly Address[]
  quorum: number
  minimumStake: bigint
}
