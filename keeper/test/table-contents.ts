import type { Database } from 'better-sqlite3'

/** Rows of every table but those of the feed and the ones in which an index keeps its own affairs, by their name. */
export const contentsOf = (db: Database, isWanted: (name: string) => boolean = () => true) => {
  const names = db
    .prepare(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') ORDER BY name",
    )
    .pluck()
    .all() as string[]
  const wanted = names.filter((name) => !/^(sqlite_|feed_|schema_versions)/.test(name) && isWanted(name))
  return Object.fromEntries(wanted.map((name) => [name, rowsOf(db, name)]))
}

const rowsOf = (db: Database, name: string): string[] => {
  // Of an index for searching, the row's number is what it is about.
  const number = name.endsWith('_search') ? 'rowid, ' : ''
  return (db.prepare(`SELECT ${number}* FROM ${name}`).raw().all() as unknown[][])
    .map((row) => JSON.stringify(row.map((cell) => (Buffer.isBuffer(cell) ? cell.toString('hex') : cell))))
    .sort()
}
