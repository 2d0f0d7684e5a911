// When the tables of the market last changed, so that readers may keep what they have read until then.
import type { Database } from 'better-sqlite3'

const changes = new WeakMap<Database, number>()

/** Called before every change that this process makes to the tables. */
export const noteChange = (db: Database): void => {
  changes.set(db, (changes.get(db) ?? 0) + 1)
}

/** Another text after every change, also one that another connection made. */
export const versionOf = (db: Database): string =>
  `${changes.get(db) ?? 0} ${db.pragma('data_version', { simple: true })}`
