import type { FlowDay } from './flow.ts'

const DAY = 86_400

/** µUSDC. `day` is the unix second at which it begins. */
export type EarningDay = { day: number; node: bigint; relay: bigint; withdrawn: bigint }

const COLUMN: Partial<Record<FlowDay['kind'], 'node' | 'relay' | 'withdrawn'>> = {
  earnedByNode: 'node',
  earnedByRelay: 'relay',
  withdrawn: 'withdrawn',
}

/** @param flows of one node. @returns days on which anything happened, oldest first. */
export const earningDays = (flows: readonly FlowDay[]): EarningDay[] => {
  const days = new Map<number, EarningDay>()
  for (const { day, kind, amount } of flows) {
    const column = COLUMN[kind]
    if (column === undefined) continue
    const row = days.get(day) ?? { day: day * DAY, node: 0n, relay: 0n, withdrawn: 0n }
    days.set(day, { ...row, [column]: row[column] + amount })
  }
  return [...days.values()].sort((a, b) => a.day - b.day)
}

/** The same for several nodes together. */
export const sumDays = (nodes: readonly (readonly EarningDay[])[]): EarningDay[] => {
  const days = new Map<number, EarningDay>()
  for (const one of nodes.flat()) {
    const row = days.get(one.day) ?? { day: one.day, node: 0n, relay: 0n, withdrawn: 0n }
    days.set(one.day, {
      day: one.day,
      node: row.node + one.node,
      relay: row.relay + one.relay,
      withdrawn: row.withdrawn + one.withdrawn,
    })
  }
  return [...days.values()].sort((a, b) => a.day - b.day)
}
