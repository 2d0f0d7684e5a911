// What has to hold all the time, not only in the end: nobody may be told that something is final and read twice when it is
// not on the chain.
import type { BlockRef } from '@decloud/chain'
import type { Hex } from 'viem'
import type { Plan } from './plan.ts'
import type { Subject } from './subject.ts'
import type { Trace } from './trace.ts'
import type { World } from './world.ts'

export type Watch = {
  /** The chain gave up blocks that it had called final: what was said of them was true when it was said. */
  finalityBroke(): void
  /** Looks at what the keeper says just now. */
  look(subject: Subject): void
  /** Looks at what was committed just now. */
  committed(subject: Subject, cursor: BlockRef | null): void
  problems: string[]
}

type Options = { plan: Plan; world: World; trace: Trace; addresses: readonly string[] }

export const makeWatch = ({ plan, world, trace, addresses }: Options): Watch => {
  const problems: string[] = []
  // One RPC alone that gives the same wrong answer twice is believed until everything is read again; two are not.
  const strict = plan.rpcs > 1 || plan.lies === 0
  let broken = false

  // Where nobody lies and nobody lags, no commit may ever hold anything else than one branch of the chain.
  const truthful = plan.lies === 0 && plan.lag === 0
  const listened = new Set(addresses.map((address) => address.toLowerCase()))

  /** @returns what the stored logs through `height` are, other than those of the branch that ends with `hash`. */
  const oddLog = ({ db }: Subject, height: number, hash: Hex): string | null => {
    const logs = world.logsThrough(hash)
    if (logs === null) return `there never was a block ${hash}`
    const real = logs.filter(({ address }) => listened.has(address.toLowerCase()))
    const rows = db
      .prepare(
        'SELECT block_hash, log_index, data FROM feed_logs WHERE block_number <= ? ORDER BY block_number, log_index',
      )
      .all(height) as { block_hash: string; log_index: number; data: string }[]
    for (let i = 0; i < Math.max(rows.length, real.length); i++) {
      const [row, log] = [rows[i], real[i]]
      const same = row?.block_hash === log?.blockHash && row?.data === log?.data
      if (!same || row?.log_index !== Number(log?.logIndex)) {
        return `log ${i} is of ${row?.block_hash} instead of ${log?.blockHash} in block ${Number(log?.blockNumber)}`
      }
    }
    return null
  }

  const wrongAt = (subject: Subject): string | null => {
    const final = subject.follower.finalizedThrough()
    if (final === null) return null
    const height = Number(final.height)
    const block = world.branch()[height]
    if (block?.header.hash !== final.hash) {
      return `block ${height} was called final, and is ${final.hash} instead of ${block?.header.hash}`
    }
    const odd = oddLog(subject, height, final.hash)
    return odd === null ? null : `what is final through ${height} was called read twice: ${odd}`
  }

  const found = (wrong: string | null) => {
    if (wrong === null) return
    trace.note(`WRONG ${wrong}`)
    problems.push(wrong)
  }

  return {
    problems,
    finalityBroke: () => {
      broken = true
    },
    look: (subject) => {
      if (!broken && strict && problems.length === 0) found(wrongAt(subject))
    },
    committed: (subject, cursor) => {
      if (!truthful || cursor === null || problems.length > 0) return
      const odd = oddLog(subject, Number(cursor.height), cursor.hash)
      found(odd === null ? null : `after block ${cursor.height} was committed: ${odd}`)
    },
  }
}
