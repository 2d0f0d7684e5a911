import type { SignedFacts } from '@decloud/protocol/wire/facts'
import type { Address } from 'viem'

/** What a node said last, and which agent it was that signed. */
export type HeldFacts = { readonly signed: SignedFacts; readonly agent: Address; readonly heardAt: number }

export type FactsStore = {
  find(node: number): HeldFacts | undefined
  /** Takes the place of what was there of the node. */
  put(held: HeldFacts): void
}
