import type { Address, Hex } from 'viem'

/** Who is at the other end of a stream, and whether he may still be: asked again for as long as it lasts. */
export type Visitor = {
  readonly address: Address
  readonly leaseId: Hex
  readonly level: 'viewer' | 'user' | 'manager' | 'tenant'
  /** Unix seconds. */
  readonly until: number
  /** Whether session and grant still stand. False as well while the chain cannot tell. */
  still(): Promise<boolean>
}
