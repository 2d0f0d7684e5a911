import type { TokenDomain } from '@decloud/protocol'
import type { SponsorKind, Sponsorship } from '@decloud/protocol/wire/sponsor'
import type { Address, Hex } from 'viem'
import type { SponsorLimits, SponsorUsage } from '../domain/sponsor/limits.ts'

/** What the sponsor asks of the chain. Every method rejects with a ChainError when it cannot be answered. */
export type SponsorChain = {
  /** The token's EIP-712 domain, held against the token's own separator. @throws DecloudError `usdc-unsigned`. */
  usdc(): Promise<TokenDomain>
  /** The tenant of a lease, and what closing it now would give back, µUSDC; `null` for a lease that there is not. */
  lease(leaseId: Hex): Promise<{ tenant: Address; refundable: bigint } | null>
  /** Unix seconds on the chain's clock, and whether the account has code. */
  look(account: Address): Promise<{ now: bigint; hasCode: boolean }>
  /** ERC-1271, with bounded gas: whether the wallet at `account` takes the signature. */
  accepts(account: Address, digest: Hex, signature: Hex): Promise<boolean>
  /**
   * @param cap the most gas it may take.
   * @returns the gas it takes now.
   * @throws DecloudError `contract-refused` with the contract's own sentence, `sponsor-gas` over the cap.
   */
  simulate(call: { kind: SponsorKind; to: Address; data: Hex }, cap: bigint): Promise<bigint>
  /** Wei a unit of gas that would be offered now, and wei that the sponsor holds. */
  purse(): Promise<{ fee: bigint; held: bigint }>
  /** Wei paid for a mined transaction; `null` when there is no receipt at the moment. */
  paid(transaction: Hex): Promise<bigint | null>
}

type Reservation = {
  id: Hex
  kind: SponsorKind
  signer: Address
  subject: string
  origin: string
  /** µUSDC, the most that it can cost. */
  cost: bigint
}

export type SponsorRow = Pick<Sponsorship, 'id' | 'kind' | 'state' | 'reason'>

export type SponsorBook = {
  find(id: Hex): SponsorRow | undefined
  usage(day: number, of: { signer: Address; subject: string; origin: string }): SponsorUsage
  /**
   * Counts and writes in one transaction, so that neither a race nor a crash can pass a limit.
   * @returns the earlier sponsorship of the same mandate, unless that has failed; `null` when the place is taken now.
   * @throws DecloudError of `judgeUsage`.
   */
  reserve(reservation: Reservation, day: number, nowMs: number, limits: SponsorLimits): SponsorRow | null
  /** Ids that may still change: what became of them is not final. */
  open(): Hex[]
  /** What became of it. @param cost µUSDC, when it is known. @param settled whether this is the end of it. */
  close(
    id: Hex,
    outcome: {
      state: Sponsorship['state']
      reason?: Sponsorship['reason']
      cost?: bigint
      settled: boolean
    },
  ): void
}
