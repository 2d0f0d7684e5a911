// Uptime as attesters put it on chain: the median of their figures over thirty days. Mirrors Reputation.uptimeOf.
import type { Database } from 'better-sqlite3'
import {
  medianUptime,
  missedIn,
  NODES_PER_WORD,
  type Uptime,
  uptimeOver,
  windowAt,
} from '../../../domain/reputation.ts'
import type { Attestation } from '../../../ports/market.ts'
import { singleTable } from '../entities/market.ts'
import { type AttestedDay, attestedTable } from '../entities/reputation.ts'
import type { Cell } from '../table.ts'

export type Attested = {
  /** @param at unix seconds; the 30 whole days before count. @returns the figure of each node. */
  uptimes(at: number): (node: number) => Uptime
  of(node: number, at: number): Attestation[]
  attesters(): readonly `0x${string}`[]
}

const missedOn = ({ words }: AttestedDay, node: number): number | null =>
  missedIn(words[Math.floor(node / NODES_PER_WORD)] ?? 0n, node)

export const makeAttested = (db: Database): Attested => {
  const days = attestedTable(db)
  const lists = singleTable<'attesters'>(db)
  const within = db
    .prepare(
      `SELECT ${days.select('d')} FROM attested_days d WHERE d.day >= ? AND d.day < ? ORDER BY d.day, d.attester`,
    )
    .raw()
  const window = (at: number): AttestedDay[] => {
    const { from, today } = windowAt(at)
    return (within.all(from, today) as Cell[][]).map((cells) => days.read(cells))
  }
  const attesters = () => lists.get('attesters')?.view ?? []
  return {
    attesters,
    uptimes: (at) => {
      // Who was taken off the list no longer counts; what they said stays on record.
      const opinions = new Map(attesters().map((attester) => [attester, [] as AttestedDay[]]))
      for (const day of window(at)) opinions.get(day.attester)?.push(day)
      const lists = [...opinions.values()]
      return (node) =>
        medianUptime(
          lists.map((said) =>
            uptimeOver(said.map((day) => missedOn(day, node)).filter((missed) => missed !== null)),
          ),
        )
    },
    of: (node, at) =>
      window(at).flatMap((day) => {
        const missed = missedOn(day, node)
        return missed === null ? [] : [{ attester: day.attester, day: day.day, missed }]
      }),
  }
}
