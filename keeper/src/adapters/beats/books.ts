// Beats heard, in local.sqlite: a row of 720 bytes for each node and day, and one of the keeper itself as node 0, which
// no node can be.
import { migrate } from '@decloud/chain'
import { type Beat, beatSchema } from '@decloud/protocol/wire/heartbeat'
import type { Database } from 'better-sqlite3'
import { type DayBits, dayOf, noBits, setSlot } from '../../domain/day-bits.ts'
import type { BeatBooks, BeatNews } from '../../ports/beats.ts'

const SCHEMA = [
  `CREATE TABLE beat_days (
     day INTEGER NOT NULL, node INTEGER NOT NULL, slots BLOB NOT NULL, PRIMARY KEY (day, node)
   ) STRICT;
   CREATE TABLE beats_newest (node INTEGER PRIMARY KEY, slot INTEGER NOT NULL, beat TEXT NOT NULL) STRICT;`,
]
const SELF = 0

type DayRow = { node: number; slots: Buffer }

export const makeBeatBooks = (db: Database): BeatBooks => {
  migrate(db, 'beats', SCHEMA)
  const one = db.prepare('SELECT node, slots FROM beat_days WHERE day = ? AND node = ?')
  const ofDay = db.prepare(`SELECT node, slots FROM beat_days WHERE day = ? AND node <> ${SELF}`)
  const put = db.prepare('INSERT OR REPLACE INTO beat_days VALUES (?, ?, ?)')
  const putNewest = db.prepare(
    `INSERT INTO beats_newest VALUES (@node, @slot, @beat)
     ON CONFLICT (node) DO UPDATE SET slot = excluded.slot, beat = excluded.beat WHERE excluded.slot >= slot`,
  )
  const newest = db.prepare('SELECT beat FROM beats_newest ORDER BY node')
  const drop = db.prepare('DELETE FROM beat_days WHERE day < ?')

  const bitsOf = (day: number, node: number): DayBits => {
    const row = one.get(day, node) as DayRow | undefined
    return row === undefined ? noBits() : Uint8Array.from(row.slots)
  }
  const add = (node: number, slots: Iterable<number>) => {
    const days = Map.groupBy(slots, dayOf)
    for (const [day, ofThatDay] of days) {
      const bits = bitsOf(day, node)
      for (const slot of ofThatDay) setSlot(bits, slot)
      put.run(day, node, bits)
    }
  }
  const write = db.transaction(({ heard, listened, newest: beats }: BeatNews) => {
    for (const [node, slots] of heard) add(node, slots)
    add(SELF, listened)
    for (const beat of beats) putNewest.run({ node: beat.node, slot: beat.slot, beat: JSON.stringify(beat) })
  })

  return {
    write: (news) => write.immediate(news),
    heardOn: (day) =>
      new Map((ofDay.all(day) as DayRow[]).map(({ node, slots }) => [node, Uint8Array.from(slots)])),
    heardOf: (node, day) => bitsOf(day, node),
    listenedOn: (day) => bitsOf(day, SELF),
    newest: (): Beat[] =>
      (newest.all() as { beat: string }[]).map(({ beat }) => beatSchema.parse(JSON.parse(beat))),
    dropBefore: (day) => {
      drop.run(day)
    },
  }
}
