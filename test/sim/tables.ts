// Two databases, table by table and row by row.
import type { Database } from 'better-sqlite3'

/**
 * Not compared. Which blocks a feed remembers besides its logs' depends on the ranges it happened to read; the logs
 * themselves, the cursor and everything that is folded from them do not.
 */
const OWN_AFFAIRS: ReadonlySet<string> = new Set(['feed_blocks'])
/** Columns of the feed's one row that tell of the way here: which reading it was, what finality went through. */
const OWN_COLUMNS: Readonly<Record<string, ReadonlySet<string>>> = {
  feed_state: new Set(['finalized', 'broken_through', 'verified', 'reread']),
}

export type Tables = ReadonlyMap<string, readonly string[]>

const tablesIn = (db: Database): string[] =>
  (
    db
      .prepare(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
      )
      .all() as { name: string }[]
  )
    .map(({ name }) => name)
    .filter((name) => !OWN_AFFAIRS.has(name))

/** Every row of every table as text, sorted; a database may keep the same rows in any order. */
export const readTables = (db: Database): Tables =>
  new Map(
    tablesIn(db).map((table) => {
      const skip = OWN_COLUMNS[table] ?? new Set()
      const rows = db.prepare(`SELECT * FROM "${table}"`).safeIntegers().all() as Record<string, unknown>[]
      const texts = rows.map((row) =>
        JSON.stringify(
          Object.entries(row).filter(([column]) => !skip.has(column)),
          (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value),
        ),
      )
      return [table, texts.sort()]
    }),
  )

/** @returns a sentence for each table that differs, with the first row of each side that the other has not. */
export const differencesBetween = (ours: Tables, clean: Tables): string[] =>
  [...new Set([...ours.keys(), ...clean.keys()])].flatMap((table) => {
    const [a, b] = [ours.get(table) ?? [], clean.get(table) ?? []]
    const [inA, inB] = [new Set(a), new Set(b)]
    const onlyA = a.find((row) => !inB.has(row))
    const onlyB = b.find((row) => !inA.has(row))
    if (onlyA === undefined && onlyB === undefined && a.length === b.length) return []
    return [`${table}: ${a.length} rows, clean ${b.length}\n    ours  ${onlyA}\n    clean ${onlyB}`]
  })
