// One kind of thing that logs are about, kept as views. Forward, an event is one step from the view that is stored;
// back, what a rollback touched is folded anew from the logs that are left. Both end in the same rows.
import type { EventReader, LogFilter } from '@decloud/chain'
import type { ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'

export type Key = string | number

export type Entity<key extends Key, view> = {
  contracts: readonly ProtocolEvent['contract'][]
  /** Which one the event is about; `undefined` for an event that changes none of this kind. */
  keyOf(event: ProtocolEvent): key | undefined
  /** Pure: one step of the fold. */
  apply(view: view | undefined, event: ProtocolEvent): view | undefined
  /** Where all events about `key` are; others may be among them. */
  logs(key: key): LogFilter
  load(key: key): view | undefined
  /** Writes the change, and what follows from it. At least one of the two is there. */
  save(key: key, before: view | undefined, after: view | undefined): void
  /** Told of each step forward, in chain order. */
  onStep?(event: ProtocolEvent, before: view | undefined, after: view | undefined): void
}

/** An entity with its types hidden, so that a list can hold all kinds. */
export type Folder = {
  apply(events: readonly ProtocolEvent[]): void
  /** @param gone events that are no longer stored. */
  revert(gone: readonly ProtocolEvent[], db: Database, read: EventReader): void
}

export const makeFolder = <key extends Key, view>(entity: Entity<key, view>): Folder => {
  const keyOf = (event: ProtocolEvent) =>
    entity.contracts.includes(event.contract) ? entity.keyOf(event) : undefined
  return {
    apply: (events) => {
      const open = new Map<key, { before: view | undefined; now: view | undefined }>()
      for (const event of events) {
        const key = keyOf(event)
        if (key === undefined) continue
        let entry = open.get(key)
        if (entry === undefined) {
          const before = entity.load(key)
          entry = { before, now: before }
          open.set(key, entry)
        }
        const after = entity.apply(entry.now, event)
        entity.onStep?.(event, entry.now, after)
        entry.now = after
      }
      for (const [key, { before, now }] of open) if (before !== now) entity.save(key, before, now)
    },
    revert: (gone, db, read) => {
      for (const key of new Set(gone.map(keyOf))) {
        if (key === undefined) continue
        const before = entity.load(key)
        const now = read(db, entity.logs(key))
          .filter((event) => keyOf(event) === key)
          .reduce<view | undefined>((view, event) => entity.apply(view, event), undefined)
        if (before !== undefined || now !== undefined) entity.save(key, before, now)
      }
    },
  }
}
