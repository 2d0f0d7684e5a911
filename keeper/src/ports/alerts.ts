import type { AlertEvent } from '@decloud/protocol/wire/alerts'
import type { Address, Hex } from 'viem'
import type { Alert, Told } from '../domain/alerts.ts'

export type StoredAlert = Alert & { url: string; disabled: string | null }
type AlertLimits = { perAccount: number; maxAlerts: number }

export type Delivery = {
  event: Hex
  alert: string
  url: string
  secret: string
  body: string
  /** Made so far. */
  attempts: number
}

/** A delivery whose time has come. */
export type Due = { event: Hex; account: Address; nextAt: number }

export type AlertStore = {
  /** @throws DecloudError `alerts-full`. */
  add(alert: StoredAlert & { secret: string }, limits: AlertLimits): void
  of(account: Address): StoredAlert[]
  /** Of the account only. @returns whether there was one. Takes what waits to be delivered with it. */
  remove(id: string, account: Address): boolean
  all(): StoredAlert[]
  count(): number
  /** Of anybody, with what waits for them. */
  drop(ids: readonly string[]): void
  /** Those that are not switched off. */
  enabled(): Alert[]
  told(id: string): Told
  /** Notes what is told and what may be told again, and queues the events, in one transaction. */
  record(
    id: string,
    verdicts: { fire: readonly { subject: string; event: AlertEvent }[]; rearm: readonly string[] },
    now: number,
  ): void
  /** The oldest of each alert, `each` at most. */
  due(now: number, each: number): Due[]
  /** `undefined` when it was dropped meanwhile. */
  delivery(event: Hex): Delivery | undefined
  delivered(event: Hex, now: number): void
  failed(event: Hex, nextAt: number, why: string): void
  /** Switches the hook off and drops what waits for it. */
  disable(alert: string, why: string): void
}

/** What became of one attempt. `gone`: the receiver wants no more. */
export type Attempt = { outcome: 'delivered' | 'failed' | 'gone'; why: string }

export type Post = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
) => Promise<Attempt>
