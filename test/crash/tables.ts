// Two keepers' tables, row by row. What the feed keeps of blocks differs with the moment of each commit, and rows have no
// order of their own; everything else has to be equal.
import Sqlite from 'better-sqlite3'

export type TableDifference = { table: string; only: 'left' | 'right'; row: string }

const SKIPPED = /^(sqlite_|feed_|schema_versions$)/
const MOST = 20

const namesOf = (db: Sqlite.Database, where: string): string[] =>
  (
    db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND ${where} ORDER BY name`).all() as {
      name: string
    }[]
  ).map(({ name }) => name)

const tablesOf = (db: Sqlite.Database): string[] => {
  // The tables under a full-text index are its own affair: it is built from the others.
  const indices = namesOf(db, `sql LIKE 'CREATE VIRTUAL%'`)
  const isOf = (name: string) => indices.some((index) => name === index || name.startsWith(`${index}_`))
  return namesOf(db, 'true').filter((name) => !SKIPPED.test(name) && !isOf(name))
}

const rowsOf = (db: Sqlite.Database, table: string): Map<string, number> => {
  const rows = new Map<string, number>()
  for (const row of db.prepare(`SELECT * FROM "${table}"`).all()) {
    const text = JSON.stringify(row)
    rows.set(text, (rows.get(text) ?? 0) + 1)
  }
  return rows
}

/** @param left @param right files of keepers that are stopped. */
export const tableDifferences = (
  left: string,
  right: string,
): { tables: number; rows: number; found: TableDifference[] } => {
  const [a, b] = [new Sqlite(left, { readonly: true }), new Sqlite(right, { readonly: true })]
  try {
    const names = [...new Set([...tablesOf(a), ...tablesOf(b)])]
    const found: TableDifference[] = []
    let rows = 0
    for (const table of names) {
      const [ours, theirs] = [rowsOf(a, table), rowsOf(b, table)]
      rows += ours.size
      for (const [row, count] of ours) {
        if (theirs.get(row) !== count) found.push({ table, only: 'left', row })
      }
      for (const [row, count] of theirs)
        if (ours.get(row) !== count) found.push({ table, only: 'right', row })
    }
    return { tables: names.length, rows, found: found.slice(0, MOST) }
  } finally {
    a.close()
    b.close()
  }
}
