import type { Address } from 'viem'

/** Who may do what just now, read from the desk of the escrow. */
export type Roles = {
  /** @throws ChainError as every read. */
  read(): Promise<{
    /** May place requests in their first minute; the zero address for nobody. */
    scheduler: Address
    /** Unix seconds until which the guardian has stopped activations; in the past or 0 when it has not. */
    pausedUntil: number
  }>
}
