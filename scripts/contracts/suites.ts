// `npm run test:contracts` and `npm run test:contracts:deep`: the Solidity tests with more cases than `npm test` has.
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { config } from 'hardhat'
import { readFlags } from '../lib/flags.ts'
import { builtArtifacts, hashOf } from './built.ts'
import { type Artifact, nameOf, type Outcome, runTests, testsOf } from './edr.ts'
import { aboutOf, openJournal, writeWhole } from './journal.ts'
import { type Depth, planOf, type Shard } from './plan.ts'
import { duration, forEach } from './pool.ts'

const HELP = `usage: npm run test:contracts[:deep] -- [options]

  --only TEXT      the tests whose name (file:Contract.test) contains it
  --shards I/N     the I-th of N parts; parts of one run on several machines need one --seed
  --seed 0x…       draws the same cases again; a new one is drawn otherwise, and printed
  --replay KEY     one shard alone, as a failure names it, with the seed of its run
  --jobs N         tests at a time; the cores of this machine when not said
  --minutes N      begins no shard after so long; what is done is recorded as a part, and the next run goes on
  --fresh          forgets what an interrupted run has finished

A run that was interrupted goes on where it was when the same command is given again. What is finished is kept in
build/contract-tests/, one file a shard: to join the parts of several machines, copy those files together.
Exits 1 when a test failed, 2 when it could not be asked to run.`
const SHRINK = 2_000
const REPORT_MS = 10_000

type Done = {
  seed: string
  outcomes: Pick<Outcome, 'test' | 'status' | 'runs' | 'calls' | 'seconds' | 'reason'>[]
}

const {
  values: given,
  whole,
  refuse,
} = readFlags(HELP, {
  profile: { type: 'string', default: 'default' },
  record: { type: 'string' },
  only: { type: 'string', default: '' },
  shards: { type: 'string', default: '1/1' },
  seed: { type: 'string' },
  replay: { type: 'string' },
  jobs: { type: 'string', default: `${availableParallelism()}` },
  minutes: { type: 'string', default: 'Infinity' },
  fresh: { type: 'boolean', default: false },
})

const depthOf = (profile: string): Depth => {
  const { fuzz, invariant } = config.test.solidity.profiles[profile] ?? refuse(`no profile ${profile}`)
  const [fuzzRuns, invariantRuns, invariantDepth] = [fuzz.runs, invariant?.runs, invariant?.depth]
  if (fuzzRuns === undefined || invariantRuns === undefined || invariantDepth === undefined) {
    return refuse(`hardhat.config.ts does not say how deep the profile ${profile} goes`)
  }
  return { fuzzRuns, invariantRuns, invariantDepth }
}

const partOf = (text: string): { part: number; parts: number } => {
  const [, part, parts] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? refuse(`--shards takes I/N, not "${text}"`)
  if (Number(part) < 1 || Number(part) > Number(parts)) refuse(`there is no part ${part} of ${parts}`)
  return { part: Number(part), parts: Number(parts) }
}

const run = async (artifacts: readonly Artifact[], shard: Shard, depth: Depth): Promise<Done> => {
  const outcomes = await runTests(artifacts, shard.tests, {
    seed: shard.seed,
    fuzzRuns: shard.runs,
    invariantRuns: shard.runs,
    invariantDepth: depth.invariantDepth,
    shrink: SHRINK,
  })
  const missing = shard.tests.filter((test) => !outcomes.some((o) => o.test.name === test.name))
  const setUp = outcomes.find(({ test }) => !shard.tests.includes(test))
  return {
    seed: shard.seed,
    outcomes: [
      ...outcomes.filter((one) => one !== setUp),
      // When setUp fails no test of the contract is reported.
      ...missing.map((test) => ({
        test,
        status: 'failed' as const,
        runs: 0,
        calls: 0,
        seconds: 0,
        reason: setUp?.reason ?? 'was not reported',
      })),
    ],
  }
}

const failuresOf = (key: string, { outcomes }: Done): string[] =>
  outcomes
    .filter(({ status }) => status === 'failed')
    .map(({ test, reason }) => `${nameOf(test)}\n  ${reason}\n  again: --seed ${seed} --replay '${key}'`)

/** What is recorded of a whole run: of each test how much it was tried, and what came of it. */
const resultOf = (done: ReadonlyMap<string, Done>) => {
  const tests: Record<string, { runs: number; calls: number; failures: number; seconds: number }> = {}
  for (const { outcomes } of done.values()) {
    for (const { test, status, runs, calls, seconds } of outcomes) {
      const sum = tests[nameOf(test)] ?? { runs: 0, calls: 0, failures: 0, seconds: 0 }
      tests[nameOf(test)] = {
        runs: sum.runs + runs,
        calls: sum.calls + calls,
        failures: sum.failures + (status === 'failed' ? 1 : 0),
        seconds: Math.round((sum.seconds + seconds) * 1000) / 1000,
      }
    }
  }
  return Object.fromEntries(Object.entries(tests).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const artifacts = await builtArtifacts()
const tests = testsOf(artifacts).filter((test) => nameOf(test).includes(given.only))
if (tests.length === 0) refuse(`no test is called anything like "${given.only}"`)
const depth = depthOf(given.profile)
const { part, parts } = partOf(given.shards)
if (given.seed !== undefined && !/^0x[0-9a-f]{1,64}$/.test(given.seed))
  refuse('--seed takes 0x and hexadecimal digits')

const jobs = whole('jobs', 1, 1_000)
const budget = Number(given.minutes) * 60
if (!(budget > 0)) refuse('--minutes takes a number above 0')

const directory = `build/contract-tests/${given.profile}`
const about = { sources: hashOf(artifacts), ...depth, only: given.only }
const kept = JSON.parse(aboutOf(directory) ?? '{}') as { seed?: string }
const seed =
  given.seed ?? (given.fresh || kept.seed === undefined ? `0x${randomBytes(32).toString('hex')}` : kept.seed)
const plan = planOf(tests, depth, seed)
console.log(
  `${tests.length} tests, fuzz ${depth.fuzzRuns}, invariants ${depth.invariantRuns} × ${depth.invariantDepth}`,
)
console.log(`seed ${seed}`)

if (given.replay !== undefined) {
  const shard = plan.find(({ key }) => key === given.replay) ?? refuse(`no shard is called ${given.replay}`)
  const failures = failuresOf(shard.key, await run(artifacts, shard, depth))
  console.log(failures.length === 0 ? `${shard.key} passes` : failures.join('\n'))
  process.exit(failures.length === 0 ? 0 : 1)
}

const journal = openJournal<Done>(directory, JSON.stringify({ ...about, seed }), given.fresh)
const mine = plan.filter((_, i) => i % parts === part - 1)
const todo = mine.filter(({ key }) => !journal.done.has(key))
if (todo.length < mine.length)
  console.log(`${mine.length - todo.length} of ${mine.length} shards are done already`)

const started = performance.now()
const spent = () => (performance.now() - started) / 1000
const total = todo.reduce((sum, { calls }) => sum + calls, 0)
let calls = 0
let finished = 0
let reported = started
await forEach(
  todo,
  async (shard) => {
    if (spent() > budget) return
    const done = await run(artifacts, shard, depth)
    journal.record(shard.key, done)
    for (const failure of failuresOf(shard.key, done)) console.error(`\nFAILED ${failure}\n`)
    calls += shard.calls
    finished += 1
    if (performance.now() - reported < REPORT_MS) return
    reported = performance.now()
    const left = duration((spent() / calls) * (total - calls))
    console.log(
      `${finished} of ${todo.length} shards, ${calls} of ${total} calls in ${duration(spent())}, about ${left} left`,
    )
  },
  jobs,
)

journal.refresh()
const done = new Map([...journal.done].filter(([key]) => plan.some((shard) => shard.key === key)))
const outcomes = [...done.values()].flatMap((one) => one.outcomes)
const result = resultOf(done)
const failed = Object.values(result).filter(({ failures }) => failures > 0).length
for (const [key, one] of done) for (const failure of failuresOf(key, one)) console.error(`FAILED ${failure}`)
if (given.record !== undefined && given.only === '') {
  writeWhole(given.record, {
    date: new Date().toISOString(),
    ...about,
    only: undefined,
    seed,
    // A part of the shards is a part of every test: how much each was tried is said beside it.
    shards: { done: done.size, of: plan.length },
    passed: Object.keys(result).length - failed,
    failed,
    seconds: Math.round(outcomes.reduce((sum, { seconds }) => sum + seconds, 0)),
    tests: result,
  })
  console.log(`recorded in ${given.record}`)
}
if (done.size === plan.length) journal.remove()
else console.log(`${done.size} of ${plan.length} shards of the whole run are done`)
console.log(`${Object.keys(result).length - failed} passed, ${failed} failed in ${duration(spent())}`)
process.exitCode = failed > 0 ? 1 : 0
