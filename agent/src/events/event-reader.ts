// The event log as its operator reads it, from the file: whether an agent runs or not makes no difference.
import { existsSync } from 'node:fs'
import { sentenceOf } from '@decloud/protocol'
import Sqlite from 'better-sqlite3'
import { isHex } from 'viem'
import { z } from 'zod'
import { AgentError } from '../lib/errors.ts'
import type { NodeEvent } from '../ports/events.ts'

export type StoredEvent = NodeEvent & { readonly id: number }

export type EventQuery = {
  /** Unix milliseconds. */
  readonly sinceMs?: number
  readonly leaseId?: string
  /** Kinds, or groups of kinds: `vm`, `outage.begun`. */
  readonly kinds?: readonly string[]
  /** Those after this id, the oldest first; without it the newest. */
  readonly afterId?: number
  readonly most: number
}

const rowsSchema = z.array(
  z.object({
    id: z.int(),
    atMs: z.int(),
    kind: z.string(),
    leaseId: z.custom<`0x${string}`>((value) => isHex(value)).nullable(),
    by: z.string().nullable(),
    message: z.string(),
    details: z.string().transform((text) => z.record(z.string(), z.unknown()).parse(JSON.parse(text))),
  }),
)

/**
 * @returns in the order in which they happened; none while there is no log yet.
 * @throws AgentError `events-unreadable`.
 */
export const readEvents = (path: string, query: EventQuery): readonly StoredEvent[] => {
  if (!existsSync(path)) return []
  try {
    const db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 5_000 })
    try {
      const { sql, values } = textOf(query)
      const rows = rowsSchema.parse(db.prepare(sql).all(values))
      return query.afterId === undefined ? rows.reverse() : rows
    } finally {
      db.close()
    }
  } catch (cause) {
    throw new AgentError('events-unreadable', `The event log ${path} cannot be read: ${sentenceOf(cause)}`, {
      hint: 'Run this as the user whom the data folder belongs to; a damaged one is set aside when the agent starts.',
      cause,
    })
  }
}

const textOf = ({ sinceMs, leaseId, kinds = [], afterId, most }: EventQuery) => {
  const conditions = [
    ...(sinceMs === undefined ? [] : ['atMs >= @sinceMs']),
    ...(leaseId === undefined ? [] : ['leaseId LIKE @leaseId']),
    ...(afterId === undefined ? [] : ['id > @afterId']),
    ...(kinds.length === 0
      ? []
      : [`(${kinds.map((_, i) => `kind = @kind${i} OR kind LIKE @group${i}`).join(' OR ')})`]),
  ]
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
  const order = afterId === undefined ? 'DESC' : 'ASC'
  return {
    sql: `SELECT id, atMs, kind, leaseId, byWhom AS "by", message, details FROM events ${where} ORDER BY id ${order} LIMIT @most`,
    values: {
      most,
      ...(sinceMs === undefined ? {} : { sinceMs }),
      // The beginning of an id is enough, as a person copies it.
      ...(leaseId === undefined ? {} : { leaseId: `${leaseId.toLowerCase()}%` }),
      ...(afterId === undefined ? {} : { afterId }),
      ...Object.fromEntries(
        kinds.flatMap((kind, i) => [
          [`kind${i}`, kind],
          [`group${i}`, `${kind}.%`],
        ]),
      ),
    },
  }
}
