import type { LeaseView, PolicyParameters } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import type { GrantView, PostedManifestView, SealingKeyView } from '../domain/access.ts'
import type { NodeBook } from '../domain/book.ts'
import type { DeskView, QuorumView } from '../domain/desk.ts'
import type { Fields, Question } from '../domain/question.ts'
import type { Rating } from '../domain/review.ts'
import type { StakeView } from '../domain/stake.ts'
import type { TemplateView, VersionView } from '../domain/template.ts'
import type { MarketNode } from './market.ts'

export type ContractStorage = {
  /**
   * Asks all of it at one block.
   * @param at a height and the hash it must have, before and after: otherwise the answers would mix two chains.
   * @returns answers in the order of the questions, or `null` when the block at that height is another one by now.
   * @throws ChainError when the RPC fails or has no state for that block.
   */
  readAt(at: { height: bigint; hash: Hex }, questions: readonly Question[]): Promise<Fields[] | null>
}

/** A lease with all that contracts keep about it. */
export type AuditedLease = {
  lease: LeaseView
  collaborators: readonly (GrantView & { key: SealingKeyView | null })[]
  manifest: PostedManifestView | undefined
  /** 0 where there is no review. */
  stars: { node: number; template: number }
}

/** One attester's words about one day, by group of sixteen nodes. */
export type AttestedWords = { attester: Address; day: number; words: Readonly<Record<number, bigint>> }

/** All tables as they were at one moment, whatever is written meanwhile. */
export type Picture = {
  /** In pages, by id. @param scope `open` leaves out leases that can never change again. */
  leases(scope: 'open' | 'all', size: number): Iterable<readonly AuditedLease[]>
  nodes(): readonly MarketNode[]
  /** Of every node that has one, and of the platform. */
  books(): readonly NodeBook[]
  accounts(): readonly { account: Address; balance: bigint }[]
  policy(): PolicyParameters | undefined
  desk(): DeskView
  quorum(): QuorumView
  templates(): readonly (TemplateView & { rating: Rating })[]
  versions(template: number): readonly Omit<VersionView, 'content'>[]
  sealingKeys(): readonly SealingKeyView[]
  attesters(): readonly Address[]
  attestedDays(from: number, until: number): readonly AttestedWords[]
  stakes(): readonly StakeView[]
  close(): void
}
