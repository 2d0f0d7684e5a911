// Who may leave what in a mailbox, and who may fetch it. The bytes are useless to the keeper and, on chain, would be as
// public as these; yet only the agent of the lease's node gets them here, so that nobody hosts anything on a keeper.
import { DecloudError, type LeaseView, MAX_SEALED_BYTES } from '@decloud/protocol'
import type { Address } from 'viem'

export type MailboxLimits = { keepSeconds: number; maxBytes: number; postsPerHour: number }

/** A signed request may be so many seconds older or newer than the keeper's clock. */
const CLOCK_SKEW = 300

type Lease = Pick<LeaseView, 'leaseId' | 'status' | 'node' | 'tenant'>

const refusal = (code: string, message: string, hint = '') => new DecloudError(code, message, { hint })

/** The lease, if it waits for a manifest on that node. @throws DecloudError `lease-unknown`, `mailbox-lease-state`, `mailbox-node`. */
export const waitingLease = (lease: Lease | undefined, leaseId: string, node: number): Lease => {
  if (lease === undefined) {
    throw refusal(
      'lease-unknown',
      `This keeper knows of no lease ${leaseId}.`,
      'It may see it with its next block.',
    )
  }
  if (lease.status !== 'Assigned') {
    throw refusal(
      'mailbox-lease-state',
      lease.status === 'Requested'
        ? 'The lease has no node yet: nothing can be sealed to it.'
        : `The lease is ${lease.status}: it takes no manifest any more.`,
      lease.status === 'Requested' ? 'Post once it is assigned.' : '',
    )
  }
  if (lease.node === node) return lease
  throw refusal(
    'mailbox-node',
    `The lease is on node ${lease.node}, not on node ${node}.`,
    `Seal the manifest to node ${lease.node}.`,
  )
}

/** @param now unix seconds. @throws DecloudError `mailbox-expired`, `mailbox-early`, `mailbox-large`. */
export const checkPost = (post: { issuedAt: number; expiresAt: number; bytes: number }, now: number) => {
  if (post.bytes > MAX_SEALED_BYTES) {
    throw refusal(
      'mailbox-large',
      `The sealed manifest has ${post.bytes} bytes, the most is ${MAX_SEALED_BYTES}.`,
    )
  }
  if (post.expiresAt <= now) throw refusal('mailbox-expired', 'This post has expired.', 'Sign a new one.')
  if (post.issuedAt <= now + CLOCK_SKEW) return
  throw refusal('mailbox-early', 'This post is dated in the future.', 'Set the clock right and sign again.')
}

/** @throws DecloudError `mailbox-stale`. */
export const checkCollect = (issuedAt: number, now: number) => {
  if (Math.abs(now - issuedAt) <= CLOCK_SKEW) return
  throw refusal(
    'mailbox-stale',
    `The request was signed ${Math.abs(now - issuedAt)} seconds from now.`,
    'Set the clock of the machine right.',
  )
}

export type MailboxUsage = { bytes: number; postsThisHour: number }

/** @param added bytes that a post adds to what is kept. @throws DecloudError `mailbox-rate`, `mailbox-full`. */
export const judgeMailbox = (usage: MailboxUsage, added: number, limits: MailboxLimits) => {
  if (usage.postsThisHour >= limits.postsPerHour) {
    throw refusal(
      'mailbox-rate',
      `This tenant has posted ${usage.postsThisHour} times within the hour.`,
      'Try again later, or post the manifest on chain.',
    )
  }
  if (usage.bytes + added <= limits.maxBytes) return
  throw refusal('mailbox-full', 'The mailbox of this keeper is full.', 'Post the manifest on chain.')
}

export const notTheTenant = (tenant: Address) =>
  refusal('mailbox-not-tenant', `This post is not signed by the tenant of the lease, ${tenant}.`)

export const notTheAgent = (node: number) =>
  refusal('mailbox-not-agent', `This request is not signed by the agent of node ${node}.`)
