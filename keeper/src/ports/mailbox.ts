import type { MailboxEntry } from '@decloud/protocol/wire/mailbox'
import type { Address, Hex } from 'viem'
import type { MailboxLimits } from '../domain/mailbox.ts'

export type MailboxStore = {
  /** Entries that have expired are not found. */
  find(leaseId: Hex, now: number): (MailboxEntry & { sealed: Hex }) | undefined
  /**
   * Counts and writes in one transaction. The same post again changes nothing.
   * @throws DecloudError `mailbox-superseded` when a later one is there, and those of `judgeMailbox`.
   */
  put(entry: MailboxEntry & { sealed: Hex; tenant: Address }, now: number, limits: MailboxLimits): void
  leaseIds(): Hex[]
  drop(leaseId: Hex): void
  /** Drops what has expired. */
  expire(now: number): void
}

/** Whether an account signed a digest: with its key, or as a wallet contract (ERC-1271). */
export type DigestCheck = (account: Address, digest: Hex, signature: Hex) => Promise<boolean>
