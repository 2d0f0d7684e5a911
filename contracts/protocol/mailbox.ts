// What is signed around a keeper's mailbox: by the tenant who leaves a sealed manifest there, and by the agent of the
// node that fetches it. Bound to chain, escrow, lease and node: a signature over one counts for no other.
import type { Address, Hex } from 'viem'

export type MailboxScope = { chainId: number; leaseEscrow: Address }

const domainOf = ({ chainId, leaseEscrow }: MailboxScope) =>
  ({ name: 'DeCloud Mailbox', version: '1', chainId, verifyingContract: leaseEscrow }) as const

/** `sealedHash`: keccak256 of the sealed bytes. Times in unix seconds; of two posts the one issued later stands. */
export type MailboxPost = { leaseId: Hex; node: number; sealedHash: Hex; issuedAt: bigint; expiresAt: bigint }

/** By the tenant of the lease. */
export const mailboxPost = (scope: MailboxScope, message: MailboxPost) =>
  ({
    domain: domainOf(scope),
    types: {
      Post: [
        { name: 'leaseId', type: 'bytes32' },
        { name: 'node', type: 'uint32' },
        { name: 'sealedHash', type: 'bytes32' },
        { name: 'issuedAt', type: 'uint64' },
        { name: 'expiresAt', type: 'uint64' },
      ],
    },
    primaryType: 'Post',
    message,
  }) as const

/** By the agent key of the node that the lease is assigned to. */
export const mailboxCollect = (
  scope: MailboxScope,
  message: { leaseId: Hex; node: number; issuedAt: bigint },
) =>
  ({
    domain: domainOf(scope),
    types: {
      Collect: [
        { name: 'leaseId', type: 'bytes32' },
        { name: 'node', type: 'uint32' },
        { name: 'issuedAt', type: 'uint64' },
      ],
    },
    primaryType: 'Collect',
    message,
  }) as const
