// `npm run sim`: seeds of the simulated world, one after the other.
import { readFlags } from '../../scripts/lib/flags.ts'
import { keepFailed, readFailed } from './failed.ts'
import { type Market, openMarket } from './market.ts'
import { readProgress, writeProgress } from './progress.ts'
import { type Outcome, runSeed } from './run.ts'

const HELP = `usage: npm run sim -- [--seeds N] [--from S] [--minutes M] [--resume]
       npm run sim -- --seed S [--quiet]

Runs the keeper's index, on the real contracts in a real EVM and on a real database, in a world whose RPCs fail, lie and
reorganise, where the process is killed and its disk fills up; holds it to a clean resync and to contract storage.

  --seeds N     as many seeds, 200 when not said; before them, every seed that ever failed
  --from S      the first of them, 1 when not said
  --minutes M   stop after so long; --resume goes on from there
  --resume      go on where the run of the same seeds was broken off
  --seed S      this one seed, twice, with its trace
  --quiet       without the trace

Every tenth seed is run twice: both runs must leave the same trace. A seed that fails is added to
test/sim/failed-seeds.json. Exits 1 when one did.`

const TWICE_EVERY = 10
const LINE_EVERY_MS = 10_000
/** An EVM remembers a little of each seed. */
const SEEDS_A_MARKET = 250

const { values, whole } = readFlags(HELP, {
  seeds: { type: 'string', default: '200' },
  from: { type: 'string', default: '1' },
  minutes: { type: 'string', default: '0' },
  seed: { type: 'string' },
  resume: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
})

let stopped = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopped = true
  })
}

/** Runs a seed, twice when asked to, and tells what is wrong with it. */
const examine = async (market: Market, seed: number, twice: boolean): Promise<Outcome> => {
  const outcome = await runSeed(market, seed)
  if (!twice) return outcome
  const again = await runSeed(market, seed)
  if (again.hash === outcome.hash) return outcome
  const problem = `two runs left different traces: ${outcome.hash} and ${again.hash}`
  return { ...outcome, problems: [...outcome.problems, problem] }
}

const showFailure = ({ seed, problems }: Outcome) => {
  console.log(`seed ${seed} FAILED  (npm run sim -- --seed ${seed})`)
  for (const problem of problems) console.log(`  ${problem}`)
}

const one = async (seed: number): Promise<boolean> => {
  const market = await openMarket()
  const print = values.quiet ? {} : { print: (line: string) => console.log(line) }
  const outcome = await runSeed(market, seed, print)
  const again = await runSeed(market, seed)
  const same = outcome.hash === again.hash
  if (outcome.problems.length > 0) showFailure(outcome)
  console.log(
    `seed ${seed}: ${outcome.lines} lines, trace ${outcome.hash}${same ? ', twice' : `, then ${again.hash}`}`,
  )
  return same && outcome.problems.length === 0
}

type Sum = { seeds: number; lines: number; logs: number; kinds: Map<string, number> }

const add = (sum: Sum, { lines, logs, kinds }: Outcome) => {
  sum.seeds += 1
  sum.lines += lines
  sum.logs += logs
  for (const [kind, n] of kinds) sum.kinds.set(kind, (sum.kinds.get(kind) ?? 0) + n)
}

const TROUBLES = [
  'reorg',
  'ambush',
  'burst',
  'killed',
  'killed in a transaction',
  'busy',
  'full',
  'outage',
  'sleep',
  'audit',
]

const many = async (from: number, seeds: number, minutes: number): Promise<boolean> => {
  const began = performance.now()
  const until = minutes === 0 ? Number.POSITIVE_INFINITY : began + minutes * 60_000
  const sum: Sum = { seeds: 0, lines: 0, logs: 0, kinds: new Map() }
  const progress = values.resume ? readProgress(from, seeds) : { from, seeds, done: 0, failed: [] }
  if (progress.done > 0) console.log(`going on after ${progress.done} of ${seeds} seeds`)
  let market = await openMarket()
  let said = performance.now()
  const run = async (seed: number, twice: boolean): Promise<boolean> => {
    if (sum.seeds > 0 && sum.seeds % SEEDS_A_MARKET === 0) market = await openMarket()
    const outcome = await examine(market, seed, twice)
    add(sum, outcome)
    if (outcome.problems.length === 0) return true
    showFailure(outcome)
    keepFailed(seed, outcome.problems[0]!)
    return false
  }
  const failed = new Set<number>(progress.failed)
  const old = progress.done > 0 ? [] : readFailed()
  for (const { seed } of old) if (!(await run(seed, true))) failed.add(seed)
  if (old.length > 0) console.log(`${old.length} seed(s) that failed once: ${failed.size} failed`)
  while (progress.done < seeds && !stopped && performance.now() < until) {
    const seed = from + progress.done
    if (!(await run(seed, seed % TWICE_EVERY === 0))) failed.add(seed)
    progress.done += 1
    writeProgress({ ...progress, failed: [...failed] })
    if (performance.now() - said > LINE_EVERY_MS) {
      said = performance.now()
      const rate = (sum.seeds / ((said - began) / 1_000)).toFixed(1)
      console.log(`${progress.done} of ${seeds} seeds, ${failed.size} failed, ${rate}/s`)
    }
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  const troubles = TROUBLES.map((kind) => `${kind} ${sum.kinds.get(kind) ?? 0}`).join(', ')
  console.log(
    `${sum.seeds} seeds in ${seconds} s: ${failed.size} failed. ${sum.logs} logs, ${sum.lines} lines of trace; ${troubles}`,
  )
  if (progress.done < seeds) console.log(`stopped after ${progress.done} of ${seeds}: --resume goes on`)
  if (failed.size > 0) console.log(`failed: ${[...failed].join(', ')}`)
  return failed.size === 0
}

const good =
  values.seed === undefined
    ? await many(whole('from', 0), whole('seeds', 1), whole('minutes', 0))
    : await one(whole('seed', 0))
process.exitCode = good ? 0 : 1
