// Words → rows of a full-text index. Every word must be there, as it is or as the beginning of a longer one.
import type { Database } from 'better-sqlite3'

/** Longer questions are cut: nobody asks them, and each word costs. */
const MOST_WORDS = 8

/** FTS5's own syntax never reaches it: each word is a quoted string. */
const matchOf = (search: string): string =>
  (search.normalize('NFKC').match(/[\p{L}\p{N}]+/gu) ?? [])
    .slice(0, MOST_WORDS)
    .map((word) => `"${word}"*`)
    .join(' ')

/** @returns the ids that match, or `null` when nothing is searched for. */
export const idsMatching = (
  db: Database,
  table: 'node_search' | 'template_search',
  search: string | undefined,
): ReadonlySet<number> | null => {
  if (search === undefined || search.trim() === '') return null
  const match = matchOf(search)
  if (match === '') return new Set()
  const rows = db.prepare(`SELECT rowid FROM ${table} WHERE ${table} MATCH ?`).pluck().all(match)
  return new Set(rows as number[])
}
