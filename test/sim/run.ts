// One seed, from its plan to the verdict.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addressesOf } from '@decloud/protocol'
import { makeRandom } from '../world/random.ts'
import { makePeople } from './acts.ts'
import { type Clock, makeClock } from './clock.ts'
import type { Market } from './market.ts'
import { moneyProblems } from './money.ts'
import { type Plan, planOf } from './plan.ts'
import { type Subject, type Surroundings, startSubject } from './subject.ts'
import { differencesBetween, readTables } from './tables.ts'
import { makeTrace, type Trace } from './trace.ts'
import { makeTroubles } from './troubles.ts'
import { makeWatch } from './watch.ts'
import { makeWire } from './wire.ts'
import { makeWorld, type World } from './world.ts'

/** More than any seed takes; one that goes on for so long never ends. */
const MOST_HAPPENINGS = 40_000
const MEMORY_DISK = '/dev/shm'

export type Outcome = {
  seed: number
  plan: Plan
  /** Sentences; empty when everything held. */
  problems: string[]
  hash: string
  /** Lines of the trace. */
  lines: number
  logs: number
  kinds: ReadonlyMap<string, number>
}

export type RunOptions = { print?: (line: string) => void }

/** Runs one seed on a market that no other seed is running on. */
export const runSeed = async (market: Market, seed: number, options: RunOptions = {}): Promise<Outcome> => {
  const folder = mkdtempSync(join(existsDisk(), 'decloud-sim-'))
  const trace = makeTrace(options.print ?? null)
  const random = makeRandom(seed)
  const world = await makeWorld(market, random.fork('world'))
  try {
    return await live({ market, seed, folder, trace, world })
  } finally {
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const existsDisk = (): string => (process.platform === 'linux' ? MEMORY_DISK : tmpdir())

type Setting = { market: Market; seed: number; folder: string; trace: Trace; world: World }

const live = async ({ market, seed, folder, trace, world }: Setting): Promise<Outcome> => {
  const random = makeRandom(seed)
  const plan = planOf(seed)
  const clock = makeClock()
  const people = makePeople(market, random.fork('people'), seed)
  const codes = await codesOf(market)
  const wire = makeWire({ plan, market, world, clock, random: random.fork('wire'), trace, codes })
  const around: Surroundings = { plan, market, clock, wire, trace, random: random.fork('pace') }
  const kinds = new Map<string, number>()
  const watch = makeWatch({ plan, world, trace, addresses: addressesOf(market.deployment) })
  const troubles = makeTroubles({
    around,
    world,
    people,
    random: random.fork('troubles'),
    folder,
    watch,
    kinds,
  })
  trace.note(`seed ${seed} ${JSON.stringify(plan)}`)
  await troubles.past()
  troubles.begin()
  const outcome = (problems: string[], logs = 0): Outcome => ({
    ...{ seed, plan, problems, hash: trace.hash(), lines: trace.lines, logs, kinds },
  })
  try {
    await clock.run(troubles.isSettled, MOST_HAPPENINGS)
  } catch (error) {
    const health = troubles.subject()?.follower.health()
    return outcome([
      ...watch.problems,
      `it did not settle: ${error instanceof Error ? error.message : error}; ${toText(health)}`,
    ])
  }
  const subject = troubles.subject()!
  const found = [...watch.problems, ...(await judge(around, world, subject, folder))]
  const logs = (subject.db.prepare('SELECT count(*) AS n FROM feed_logs').get() as { n: number }).n
  for (const [table, rows] of readTables(subject.db)) trace.note(`${table} ${rows.join('\n')}`)
  subject.close()
  return outcome(found, logs)
}

/** What has to hold once the troubles are over. */
const judge = async (
  around: Surroundings,
  world: World,
  ours: Subject,
  folder: string,
): Promise<string[]> => {
  const clean = await resync(around, world, folder)
  const problems = differencesBetween(readTables(ours.db), readTables(clean.db))
  clean.close()
  const audit = await whenDone(around.clock, ours.audit('all'))
  if (audit.outcome !== 'equal') {
    problems.push(
      `the ledger was not contract storage (${audit.outcome}): ${toText(audit.differences.slice(0, 3))}`,
    )
  }
  problems.push(...(await moneyProblems(around.market, world, ours.ledger)))
  return problems
}

/** An index of the same chain, from nothing and without any trouble. */
const resync = async (around: Surroundings, world: World, folder: string): Promise<Subject> => {
  const life = { alive: true, name: 'clean' }
  const clean = await whenDone(around.clock, startSubject(around, join(folder, 'clean.sqlite'), life, true))
  clean.follower.start()
  const head = world.branch().at(-1)!.header.hash
  await around.clock.run(() => clean.follower.health().cursor?.hash === head, MOST_HAPPENINGS)
  return clean
}

/** Lets the world go on until `work` is done. */
const whenDone = async <result>(clock: Clock, work: Promise<result>): Promise<result> => {
  let over = false
  const end = () => {
    over = true
  }
  work.then(end, end)
  await clock.run(() => over, MOST_HAPPENINGS)
  return work
}

const codesOf = async ({ evm, deployment }: Market): Promise<Map<string, string>> => {
  const codes = new Map<string, string>()
  for (const value of Object.values(deployment)) {
    if (typeof value === 'string')
      codes.set(value.toLowerCase(), await evm.request('eth_getCode', [value, 'latest']))
  }
  return codes
}

const toText = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one))
