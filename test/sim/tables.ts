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

type Listed = { name: string; type: 'table' | 'virtual' | 'shadow' | 'view' }

/** Rows as text, sorted; a database may keep the same rows in any order. */
const textsOf = (db: Database, sql: string, skip: ReadonlySet<string> = new Set()): string[] =>
  (db.prepare(sql).safeIntegers().all() as Record<string, unknown>[])
    .map((row) =>
      JSON.stringify(
        Object.entries(row).filter(([column]) => !skip.has(column)),
        (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value),
      ),
    )
    .sort()

/** What a full-text index finds: each word, where it stands. How it keeps that on pages depends on what was there before. */
const wordsOf = (db: Database, index: string): string[] => {
  db.exec(`CREATE VIRTUAL TABLE temp.sim_words USING fts5vocab('main', '${index}', 'instance')`)
  try {
    return textsOf(db, 'SELECT * FROM temp.sim_words')
  } finally {
    db.exec('DROP TABLE temp.sim_words')
  }
}

/** Every row of every table. */
export const readTables = (db: Database): Tables => {
  const listed = db
    .prepare(`SELECT name, type FROM pragma_table_list WHERE schema = 'main' ORDER BY name`)
    .all()
  return new Map(
    (listed as Listed[])
      .filter(({ name, type }) => type !== 'shadow' && type !== 'view' && !/^sqlite_/.test(name))
      .filter(({ name }) => !OWN_AFFAIRS.has(name))
      .map(({ name, type }) => [
        name,
        type === 'virtual' ? wordsOf(db, name) : textsOf(db, `SELECT * FROM "${name}"`, OWN_COLUMNS[name]),
      ]),
  )
}

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
