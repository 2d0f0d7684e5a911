import type { Address, Hex } from 'viem'

/** What to do on chain, before nonce and fees are known. */
export type Intent = {
  /** For people and for queries: `settle`, `activate`, … */
  kind: string
  /**
   * The same key while an earlier intent is in flight joins that one. A key whose intent has ended may be used again:
   * whether a thing is still to be done is the caller's question to the chain.
   */
  dedupe: string
  to: Address
  data: Hex
  /** Wei; 0 by default. */
  value?: bigint
  /** Least gas limit: for calls that may have more to do when they are mined than the estimate saw. 0 by default. */
  gas?: bigint
}

/**
 * `pending`: signed and written, perhaps broadcast. `mined` and `refused`: in a block that may still be reorganised away,
 * with or without the effect that was meant. Those three are in flight and hold their nonce; the rest is over:
 * `final`: in a finalized block. `reverted`: in a finalized block, refused by the contract. `abandoned`: never to be
 * mined, either because no node took it, or because a transaction without effect took its nonce. `lost`: its nonce was
 * used, finally, by a transaction that this journal does not know.
 */
export type IntentState = 'pending' | 'mined' | 'refused' | 'final' | 'reverted' | 'abandoned' | 'lost'

export type IntentRecord = Required<Intent> & {
  id: number
  state: IntentState
  nonce: number
  /** The limit it was signed with. */
  gas: bigint
  /** Every transaction signed for it, oldest first: replacements share the nonce. */
  hashes: readonly Hex[]
  /** The one that was mined. */
  minedHash: Hex | null
  blockNumber: bigint | null
  /** Unix milliseconds. */
  createdAt: number
}

export type Mined = {
  hash: Hex
  blockNumber: bigint
  gasUsed: bigint
  effectiveGasPrice: bigint
  replaced: number
}

type SendOptions = {
  deadlineMs?: number
  /** The most gas the transaction may be signed for; without one, whatever the simulation asks. */
  maxGas?: bigint
}

export type Journal = {
  readonly address: Address
  /**
   * Simulates, signs, writes, broadcasts, and waits until mined, replacing by fee on the way.
   * @throws RevertError `simulation-reverted` (nothing was sent) or `tx-reverted`.
   * @throws ChainError `gas-funds-short`, `gas-over-cap` and `fee-cap` (nothing was sent; the latter is retryable: gas
   *   costs more than is allowed now), `rpc-unreachable`, `rpc-behind` (retryable: the RPC knows less than it did), `tx-not-mined` after `deadlineMs`
   *   (retryable; the intent stays in flight and the same dedupe key joins it), `nonce-taken`, `tx-cancelled`,
   *   `store-foreign`, `journal-closed`.
   */
  send(intent: Intent, options?: SendOptions): Promise<Mined>
  /**
   * Takes up what an earlier process left: rebroadcasts or resolves by reading the chain. Call once at start.
   * @throws ChainError `store-foreign` when the journal was written for another chain.
   */
  recover(): Promise<void>
  /** Intents still in flight: `pending`, and `mined` or `refused` but not final. */
  inFlight(): readonly IntentRecord[]
  /** The newest intent with this key, whatever became of it. */
  find(dedupe: string): IntentRecord | undefined
  /** Stops watching; intents in flight stay in the journal for the next `recover`. */
  close(): Promise<void>
}
