// What has to hold all the time, not only in the end: nobody may be told that something is final and read twice when it is
// not on the chain.
import type { Plan } from './plan.ts'
import type { Subject } from './subject.ts'
import type { Trace } from './trace.ts'
import type { World } from './world.ts'

export type Watch = {
  /** The chain gave up blocks that it had called final: what was said of them was true when it was said. */
  finalityBroke(): void
  /** Looks at what the keeper says just now. */
  look(subject: Subject): void
  problems: string[]
}

export const makeWatch = ({ plan, world, trace }: { plan: Plan; world: World; trace: Trace }): Watch => {
  const problems: string[] = []
  // One RPC alone that gives the same wrong answer twice is believed until everything is read again; two are not.
  const strict = plan.rpcs > 1 || plan.lies === 0
  let broken = false

  const wrongAt = (subject: Subject): string | null => {
    const final = subject.follower.finalizedThrough()
    if (final === null) return null
    const height = Number(final.height)
    const block = world.branch()[height]
    if (block?.header.hash !== final.hash) {
      return `block ${height} was called final, and is ${final.hash} instead of ${block?.header.hash}`
    }
    const rows = subject.db
      .prepare(
        'SELECT block_hash, log_index, data FROM feed_logs WHERE block_number <= ? ORDER BY block_number, log_index',
      )
      .all(height) as { block_hash: string; log_index: number; data: string }[]
    const listened = new Set(
      (subject.db.prepare('SELECT DISTINCT address FROM feed_logs').all() as { address: string }[]).map(
        ({ address }) => address,
      ),
    )
    const real = world
      .branch()
      .slice(0, height + 1)
      .flatMap(({ logs }) => logs.filter(({ address }) => listened.has(address.toLowerCase())))
    const odd = real.findIndex((log, i) => {
      const row = rows[i]
      return (
        row?.block_hash !== log.blockHash || row.log_index !== Number(log.logIndex) || row.data !== log.data
      )
    })
    if (odd === -1 && rows.length === real.length) return null
    return `logs through ${height} were called read twice: ${rows.length} of ${real.length}, the first odd one is ${odd}`
  }

  return {
    problems,
    finalityBroke: () => {
      broken = true
    },
    look: (subject) => {
      if (broken || !strict || problems.length > 0) return
      const wrong = wrongAt(subject)
      if (wrong === null) return
      trace.note(`WRONG ${wrong}`)
      problems.push(wrong)
    },
  }
}
