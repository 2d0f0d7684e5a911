import type { Address, Hex } from 'viem'
import type { Level } from '../domain/access.ts'

/** Whoever was let in to a lease, on one request. */
export type Visitor = {
  address: Address
  leaseId: Hex
  /** Id of the session, for tickets that end with it. */
  session: string
  level: Level
  /** Unix seconds until which the session was good when it came; refreshing the session moves it. */
  until: number
  /**
   * Whether the session lives and the level still allows what was asked for. False as well while the chain cannot tell:
   * what stays open asks every 30 s and ends then.
   */
  still(): Promise<boolean>
}
