// Holds a tenant's sealed manifest until the node's agent fetches it: one for a lease, the newest, for a day at most.
import { DecloudError, type Deployment, mailboxCollect, mailboxPost } from '@decloud/protocol'
import type { MailboxCollectBody, MailboxEntry, MailboxPostBody } from '@decloud/protocol/wire/mailbox'
import { type Hex, hashTypedData, keccak256, size } from 'viem'
import type { MailboxConfig } from '../config/mailbox.ts'
import { checkCollect, checkPost, notTheAgent, notTheTenant, waitingLease } from '../domain/mailbox.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { DigestCheck, MailboxStore } from '../ports/mailbox.ts'

export type Mailbox = {
  /** @throws DecloudError `mailbox-empty`. */
  find(leaseId: Hex): MailboxEntry
  /** @throws DecloudError `lease-unknown` and `mailbox-…`. */
  post(leaseId: Hex, body: MailboxPostBody): Promise<MailboxEntry>
  /** @throws DecloudError `lease-unknown` and `mailbox-…`. */
  collect(leaseId: Hex, body: MailboxCollectBody): Promise<{ sealed: Hex; issuedAt: number }>
  /** Drops what has expired, and what belongs to leases that wait for nothing any more. */
  tidy(): Promise<void>
}

export type MailboxDeps = {
  config: MailboxConfig
  deployment: Deployment
  ledger: Pick<Ledger, 'lease' | 'node'>
  store: MailboxStore
  signed: DigestCheck
  nowMs?: () => number
}

export const makeMailbox = (deps: MailboxDeps): Mailbox => {
  const { config, deployment, ledger, store, signed, nowMs = Date.now } = deps
  const now = () => Math.floor(nowMs() / 1_000)
  const found = (leaseId: Hex) => {
    const entry = store.find(leaseId, now())
    if (entry !== undefined) return entry
    throw new DecloudError('mailbox-empty', 'There is no manifest for this lease here.', {
      hint: 'Its tenant posts it once the lease is assigned.',
    })
  }
  const checkOpen = () => {
    if (!config.enabled)
      throw new DecloudError('mailbox-closed', 'This keeper keeps no mailbox.', {
        hint: 'Post the manifest on chain, or to another keeper.',
      })
  }
  return {
    find: (leaseId) => {
      const { sealed: _, ...entry } = found(leaseId)
      return entry
    },
    post: async (leaseId, { node, sealed, issuedAt, expiresAt, signature }) => {
      checkOpen()
      const at = now()
      checkPost({ issuedAt, expiresAt, bytes: size(sealed) }, at)
      const { tenant } = waitingLease(ledger.lease(leaseId), leaseId, node)
      const sealedHash = keccak256(sealed)
      const message = {
        ...{ leaseId, node, sealedHash },
        ...{ issuedAt: BigInt(issuedAt), expiresAt: BigInt(expiresAt) },
      }
      if (!(await signed(tenant, hashTypedData(mailboxPost(deployment, message)), signature))) {
        throw notTheTenant(tenant)
      }
      const entry = {
        ...{ leaseId, node, sealedHash, issuedAt },
        expiresAt: Math.min(expiresAt, at + config.keepSeconds),
      }
      store.put({ ...entry, sealed, tenant }, at, config)
      return entry
    },
    collect: async (leaseId, { node, issuedAt, signature }) => {
      checkOpen()
      checkCollect(issuedAt, now())
      waitingLease(ledger.lease(leaseId), leaseId, node)
      const digest = hashTypedData(mailboxCollect(deployment, { leaseId, node, issuedAt: BigInt(issuedAt) }))
      const agent = ledger.node(node)?.agent
      if (agent === undefined || !(await signed(agent, digest, signature))) throw notTheAgent(node)
      const entry = found(leaseId)
      // Sealed to the node of an assignment that a reorg has taken back: of no use to this one.
      if (entry.node !== node)
        throw new DecloudError('mailbox-empty', 'The manifest here is for another node.')
      return { sealed: entry.sealed, issuedAt: entry.issuedAt }
    },
    tidy: async () => {
      store.expire(now())
      for (const leaseId of store.leaseIds()) {
        const status = ledger.lease(leaseId)?.status
        // A lease out of sight may be in a block that was taken back and comes again: its entry expires by itself.
        if (status === 'Active' || status === 'Ended') store.drop(leaseId)
      }
    },
  }
}
