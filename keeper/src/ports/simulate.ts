import type { Refusal } from '@decloud/protocol'
import type { Address, Hex } from 'viem'

type Call = { from: Address; to: Address; data: Hex }

/** What a call would do as things stand; `unknown` when no RPC answers. */
export type Outcome =
  | { outcome: 'accepted'; gas: bigint }
  | { outcome: 'refused'; refusal: Refusal }
  | { outcome: 'unknown' }

export type Simulate = (call: Call) => Promise<Outcome>
