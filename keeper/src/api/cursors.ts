// Cursors are opaque and check themselves: one that was cut, altered, or taken from another list is refused, not guessed at.
import { createHash } from 'node:crypto'
import { DecloudError } from '@decloud/protocol'
import type { Place } from '../domain/keyset.ts'

const CHECK_LENGTH = 12
/** A rank holds a slug's 40 bytes as a number at most; an id is a row's index. */
const PLACE = /^(-?\d{1,120}):(\d{1,15})$/

const checkOf = (scope: string, text: string) =>
  createHash('sha256').update(`${scope}\n${text}`).digest('base64url').slice(0, CHECK_LENGTH)

/** What a cursor belongs to: a list with its filters and sort, whatever the page's size. */
export const scopeOf = (list: string, query: Readonly<Record<string, unknown>>): string => {
  const { cursor: _, limit: __, ...filters } = query
  const told = Object.entries(filters).filter(([, value]) => value !== undefined)
  return `${list} ${told
    .map(([key, value]) => `${key}=${String(value)}`)
    .sort()
    .join('&')}`
}

const writeCursor = (scope: string, text: string): string =>
  `${Buffer.from(text).toString('base64url')}.${checkOf(scope, text)}`

/** @throws DecloudError `cursor-invalid`. */
const readCursor = (scope: string, cursor: string): string => {
  const text = Buffer.from(cursor.split('.')[0] ?? '', 'base64url').toString('utf8')
  // Written again and compared: decoding passes over what does not belong there.
  if (writeCursor(scope, text) === cursor) return text
  throw invalid()
}

const invalid = () =>
  new DecloudError('cursor-invalid', 'The cursor is not one of this list.', {
    hint: 'Use `next` of the page before, with the same filters and sort, or leave it out.',
  })

/** A page's `limit` and `cursor` as the place to go on after, and back. */
export const placeCursor = (scope: string) => ({
  read: (cursor: string | undefined): Place | undefined => {
    if (cursor === undefined) return undefined
    // The check finds mishaps; who means to can compute it.
    const [, rank, id] = PLACE.exec(readCursor(scope, cursor)) ?? []
    if (rank === undefined) throw invalid()
    return { rank: BigInt(rank), id: Number(id) }
  },
  write: (place: Place | null): string | null =>
    place === null ? null : writeCursor(scope, `${place.rank}:${place.id}`),
})

/** The same for lists that page by a cursor of their own. */
export const wrappedCursor = (scope: string) => ({
  read: (cursor: string | undefined): string | undefined =>
    cursor === undefined ? undefined : readCursor(scope, cursor),
  write: (next: string | null): string | null => (next === null ? null : writeCursor(scope, next)),
})
