import type { MachineRoom } from '../domain/duties.ts'
import type { Log, OutageStore } from '../reconcile/ports.ts'
import type { CreditBook } from '../state/credit-book.ts'
import type { ReclaimAsks } from '../state/reclaim-asks.ts'
import type { DutyChain } from './ports.ts'
import type { DutyStatus } from './status.ts'

export type DutySettings = {
  /** Whether requests that name no node are claimed for this one. */
  claims: boolean
  /** Seconds between settlements at least. */
  settleEverySeconds: number
  /** µUSDC that a lease has to have earned since the last settlement to be worth one. */
  minSettle: bigint
  /** Of what a transaction moves, at most this part may go for its gas; in basis points. */
  gasCapBps: bigint
  /** µUSDC that one coin of gas is taken to be worth. */
  coinUsdc: bigint
}

export type DutyDeps = {
  chain: DutyChain
  settings: DutySettings
  outages: OutageStore
  credits: CreditBook
  asks: ReclaimAsks
  times: { settledAtMs(): number; settled(atMs: number): void }
  /** What the machine has left for one more guest; null where it does not matter. */
  room(): Promise<MachineRoom>
  status: DutyStatus
  log: Log
  nowMs(): number
  signal: AbortSignal
}
