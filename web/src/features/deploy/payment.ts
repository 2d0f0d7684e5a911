import type { TokenDomain } from '@decloud/protocol/mandates'

/** Where the deposit comes from. */
export type Payment =
  | { from: 'balance' }
  | { from: 'allowance' }
  /** `deadline` in unix seconds of the chain's clock. */
  | { from: 'permit'; domain: TokenDomain; nonce: bigint; deadline: bigint }
  /** Signed over exactly these terms, so that a sponsor may submit it; both in unix seconds of the chain's clock. */
  | { from: 'authorization'; domain: TokenDomain; validAfter: bigint; validBefore: bigint }
  | { from: 'approval' }
