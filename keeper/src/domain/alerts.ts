// Which alerts are due: pure, from what the chain and the keeper's ears say and from what was told before.
import { type LeaseView, runsOutAt } from '@decloud/protocol'
import type { AlertEvent, AlertKind } from '@decloud/protocol/wire/alerts'
import { type Address, type Hex, keccak256, stringToHex } from 'viem'

export type Alert = {
  id: string
  kind: AlertKind
  account: Address
  leaseId: Hex | null
  node: number | null
  thresholdSeconds: number | null
  createdAt: number
}

/** A subject that an alert has told of: a lease id, or `node:<index>`. */
export type Told = ReadonlySet<string>

export type AlertFacts = {
  /** Unix seconds on the chain's clock. */
  now: number
  /** The leases that the alert is about, as of the newest block. */
  leases: readonly LeaseView[]
  /** Those of them whose end is in a finalized block. */
  endedForGood: ReadonlySet<Hex>
  isOnline(node: number): boolean | 'unknown'
}

type Due = {
  subject: string
  event: Pick<
    AlertEvent,
    'id' | 'leaseId' | 'node' | 'runwaySeconds' | 'runsOutAt' | 'reason' | 'endedAt' | 'refunded'
  >
}
/** `fire`: to be told now. `rearm`: told before, and no longer so: the next crossing is told again. */
export type Verdicts = { fire: Due[]; rearm: string[] }

/** One id for one crossing, whoever computes it and however often. */
const idOf = (alert: Alert, subject: string, crossing: string): Hex =>
  keccak256(stringToHex(`decloud alert:${alert.id}:${alert.kind}:${subject}:${crossing}`))

const NOTHING: Verdicts = { fire: [], rearm: [] }

const runway = (alert: Alert, lease: LeaseView, facts: AlertFacts, told: Told): Verdicts => {
  const subject = lease.leaseId
  const end = lease.status === 'Active' ? runsOutAt(lease) : 0
  const left = Math.max(end - facts.now, 0)
  const low = lease.status === 'Active' && left < (alert.thresholdSeconds ?? 0)
  if (low === told.has(subject)) return NOTHING
  if (!low) return { fire: [], rearm: [subject] }
  // The end moves with every top-up and credit: it names the crossing.
  const id = idOf(alert, subject, String(end))
  const event = { id, leaseId: lease.leaseId, node: lease.node, runwaySeconds: left, runsOutAt: end }
  return { fire: [{ subject, event }], rearm: [] }
}

/** Whether a lease has ended since the alert was registered; one that it names, whenever. */
export const isNews = (alert: Alert, lease: LeaseView): boolean =>
  lease.status === 'Ended' && (alert.leaseId !== null || lease.endedAt >= alert.createdAt)

const ended = (alert: Alert, lease: LeaseView, facts: AlertFacts, told: Told): Verdicts => {
  const subject = lease.leaseId
  // An end happens once: nothing arms it again.
  if (!isNews(alert, lease) || told.has(subject) || !facts.endedForGood.has(lease.leaseId)) return NOTHING
  const { endReason: reason, endedAt, refunded, leaseId, node } = lease
  const event = { id: idOf(alert, subject, 'ended'), leaseId, node, reason, endedAt, refunded }
  return { fire: [{ subject, event }], rearm: [] }
}

const offline = (alert: Alert, node: number, facts: AlertFacts, told: Told): Verdicts => {
  const online = facts.isOnline(node)
  const subject = `node:${node}`
  // Who has not listened knows nothing.
  if (online === 'unknown' || online !== told.has(subject)) return NOTHING
  if (online) return { fire: [], rearm: [subject] }
  const event = { id: idOf(alert, subject, String(facts.now)), leaseId: null, node }
  return { fire: [{ subject, event }], rearm: [] }
}

/** What an alert has to tell now. */
export const judgeAlert = (alert: Alert, facts: AlertFacts, told: Told): Verdicts => {
  if (alert.kind === 'offline') return offline(alert, alert.node ?? 0, facts, told)
  const judge = alert.kind === 'runway' ? runway : ended
  const verdicts = facts.leases.map((lease) => judge(alert, lease, facts, told))
  return {
    fire: verdicts.flatMap(({ fire }) => fire),
    rearm: verdicts.flatMap(({ rearm }) => rearm),
  }
}

/** Seconds until the next attempt: doubling, up to six hours. @param attempts made so far, from 1. */
export const retryAfter = (attempts: number, firstSeconds: number): number =>
  Math.min(firstSeconds * 2 ** Math.min(attempts - 1, 30), 6 * 3_600)

/**
 * Who is served next where many wait: one of each account, those first that have waited longest since their last turn,
 * then a second of each, and so on.
 * @param waiting oldest first. @param served number of the last turn of each account; none for who has had none.
 */
export const fairShare = <one extends { account: Address }>(
  waiting: readonly one[],
  served: ReadonlyMap<Address, number>,
  most: number,
): one[] => {
  const lines = [...Map.groupBy(waiting, ({ account }) => account)]
    .sort(([a], [b]) => (served.get(a) ?? 0) - (served.get(b) ?? 0))
    .map(([, line]) => line)
  const share: one[] = []
  for (let nth = 0; share.length < most && lines.some((line) => line.length > nth); nth++) {
    for (const line of lines) {
      const next = line[nth]
      if (next !== undefined && share.length < most) share.push(next)
    }
  }
  return share
}
