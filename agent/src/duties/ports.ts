// What the duties need of the chain. Every method rejects with a DecloudError; none of them guesses.
import type { LeaseView, PolicyParameters } from '@decloud/protocol'
import type { GasPrice } from '@decloud/protocol/gas'
import type { Address, Hex } from 'viem'
import type { NodeOffer } from '../domain/duties.ts'

export const DUTIES = ['claim', 'upkeep', 'credit', 'reclaim'] as const
export type Duty = (typeof DUTIES)[number]

/** What is to be sent. `dedupe`: one in flight at a time under each key, over restarts too. */
export type Call = { readonly kind: string; readonly dedupe: string; readonly maxGas: bigint } & Target
type Target = { readonly to: Address; readonly data: Hex }

/** Where an earlier call under a key stands. `unsure`: its nonce went to a transaction that nobody here knows. */
export type Sent = 'never' | 'underway' | 'done' | 'refused' | 'unsure'

export interface DutyChain {
  readonly node: number
  readonly agent: Address
  readonly encode: DutyEncoder
  /** Leases of this node, and untargeted requests that wait for a node, by the newest block; null while it is not live. */
  view(): { chainNow: number; leases: readonly LeaseView[]; requests: readonly LeaseView[] } | null
  /** Who may credit and reclaim this node's leases; the zero address before its first lease. */
  operator(): Promise<Address>
  offer(): Promise<{ offer: NodeOffer; policy: PolicyParameters }>
  /** Wei of the agent, and what gas costs now. */
  money(coinUsdc: bigint): Promise<{ funds: bigint; price: GasPrice }>
  /** Internal balances in the escrow, µUSDC. */
  balances(accounts: readonly Address[]): Promise<ReadonlyMap<Address, bigint>>
  /** Whether anything of this kind is on its way: what the view shows lacks its effect. */
  isUnderway(kind: string): boolean
  sent(dedupe: string): Sent
  /**
   * Resolves once it is mined and the view shows it.
   * @throws RevertError when the contract refuses, before or after it was sent; ChainError of the journal.
   */
  send(call: Call, signal: AbortSignal): Promise<void>
}

/** What each duty calls, and with what. */
export type DutyEncoder = {
  assign(lease: LeaseView): Target
  settle(leaseIds: readonly Hex[]): Target
  renew(leaseId: Hex): Target
  release(leaseId: Hex): Target
  end(leaseId: Hex): Target
  credit(leaseId: Hex, seconds: number): Target
  startReclaim(leaseId: Hex, reason: string): Target
  reclaim(leaseId: Hex): Target
}
