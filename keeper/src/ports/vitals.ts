/** What the machine and the chain say about this process, as of the last look. */
export type VitalSigns = {
  /** Wei on the keeper's key; `null` without a key, `'unknown'` when no RPC told it. */
  gas: bigint | 'unknown' | null
  diskFreeBytes: bigint | null
  /** Why the last probe write failed; `null` when it did not. */
  unwritable: string | null
  /** The longest delay of the event loop since the look before. */
  eventLoopLagMs: number
}

export type Vitals = {
  signs(): VitalSigns
  /** Looks again; never throws: what cannot be read is a sign itself. */
  look(): Promise<void>
  close(): void
}
