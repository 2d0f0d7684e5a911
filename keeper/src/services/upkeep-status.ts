// What the chores came to, for people and for whoever watches the keeper. Counts since this process began.
import type { Mined } from '@decloud/chain'
import type { ChoreKind } from '@decloud/protocol/upkeep'
import type { Left, Ready } from './chores.ts'
import { leasesIn } from './chores.ts'

/** Why no chore was looked at. `feed`: the chain is not read up to now. `in-flight`: an earlier one is on its way. */
export type Held = 'feed' | 'in-flight' | 'gas-funds'

/** One round; `skipped` when it did not begin, and why. */
export type Round = { done: number; failed: number; skipped: boolean; held: Held | null; left: Left[] }

export type KindTotals = {
  transactions: number
  leases: number
  failed: number
  moved: bigint
  gasUsed: bigint
}

/** Money is µUSDC, gas price included; `funds` in wei. */
export type UpkeepStatus = {
  rounds: number
  /** Unix milliseconds; `null` before the first round. */
  lastRoundAt: number | null
  lastRound: Round | null
  totals: Partial<Record<ChoreKind, KindTotals>>
  gasSpentWei: bigint
  /** Leases with too little to settle for its gas now, and how much that is together. */
  waiting: { leases: number; moves: bigint }
  funds: bigint | null
}

export const makeUpkeepStatus = (now: () => number) => {
  const status: UpkeepStatus = {
    ...{ rounds: 0, lastRoundAt: null, lastRound: null, totals: {} },
    ...{ gasSpentWei: 0n, waiting: { leases: 0, moves: 0n }, funds: null },
  }
  const totalsOf = (kind: ChoreKind): KindTotals => {
    const known = status.totals[kind] ?? { transactions: 0, leases: 0, failed: 0, moved: 0n, gasUsed: 0n }
    status.totals[kind] = known
    return known
  }
  return {
    done: ({ chore }: Ready, { gasUsed, effectiveGasPrice }: Mined) => {
      const totals = totalsOf(chore.kind)
      totals.transactions += 1
      totals.leases += leasesIn(chore)
      totals.moved += chore.moves
      totals.gasUsed += gasUsed
      status.gasSpentWei += gasUsed * effectiveGasPrice
    },
    failed: (kind: ChoreKind) => {
      totalsOf(kind).failed += 1
    },
    round: (round: Round, seen: Partial<Pick<UpkeepStatus, 'waiting' | 'funds'>>) => {
      status.rounds += 1
      status.lastRoundAt = now()
      status.lastRound = round
      Object.assign(status, seen)
    },
    read: (): UpkeepStatus => structuredClone(status),
  }
}
