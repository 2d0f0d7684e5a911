import type { Address } from 'viem'

/** The EIP-712 domain of the token, as the token itself has it. */
type PermitDomain = { name: string; version: string; chainId: number; verifyingContract: Address }

/** Where the deposit comes from. */
export type Payment =
  | { from: 'balance' }
  | { from: 'allowance' }
  /** `deadline` in unix seconds of the chain's clock. */
  | { from: 'permit'; domain: PermitDomain; nonce: bigint; deadline: bigint }
  /** Signed over exactly these terms, so that a sponsor may submit it; both in unix seconds of the chain's clock. */
  | { from: 'authorization'; domain: PermitDomain; validAfter: bigint; validBefore: bigint }
  | { from: 'approval' }
