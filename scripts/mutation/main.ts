// `npm run test:mutation`: makes each small mistake in the contracts, one at a time, and asks whether a test notices.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { TestId } from '../contracts/edr.ts'
import { openJournal, writeWhole } from '../contracts/journal.ts'
import { duration, forEach } from '../contracts/pool.ts'
import { readFlags } from '../lib/flags.ts'
import { BuildError, build } from './build.ts'
import { judge, RULES, stagesOf } from './judge.ts'
import { openKillers } from './killers.ts'
import type { Mutant } from './mutants.ts'
import { resultOf, survivorsOf, verdict } from './verdict.ts'

const HELP = `usage: npm run test:mutation -- [options]

  --sample N       N mutants, drawn by the seed, instead of all
  --seed TEXT      draws the same sample again; the state of the sources when not said, and printed
  --only TEXT      the mutants whose path or name contains it
  --shards I/N     the I-th of N parts
  --jobs N         mutants at a time; the cores of this machine when not said
  --fresh          forgets what an interrupted run has judged
  --list           prints the mutants and judges none

A run that was interrupted goes on where it was when it is given again. A mutant that no test notices is a hole in the
tests, or changes nothing: the reason why stands under its name in test/contracts/mutation/survivors.json, and one
without a reason fails the run, as does a whole run with less than 95 % noticed. Each whole run is recorded in
test/contracts/results/mutation.json.`
const JOURNAL = 'build/mutation'
const KILLERS = 'build/killers.json'
const RECORD = 'test/contracts/results/mutation.json'
const EXPLAINED = 'test/contracts/mutation/survivors.json'
const REPORT_MS = 10_000

type Judged = { by: string | null }

const {
  values: given,
  whole,
  refuse,
} = readFlags(HELP, {
  sample: { type: 'string' },
  seed: { type: 'string' },
  only: { type: 'string', default: '' },
  shards: { type: 'string', default: '1/1' },
  jobs: { type: 'string', default: `${availableParallelism()}` },
  fresh: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
})
const jobs = whole('jobs', 1, 1_000)
const [, part, parts] = /^(\d{1,4})\/(\d{1,4})$/.exec(given.shards) ?? refuse('--shards takes I/N')
if (Number(part) < 1 || Number(part) > Number(parts)) refuse(`there is no part ${part} of ${parts}`)

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const started = performance.now()
const spent = () => (performance.now() - started) / 1000
const { mutants, artifacts, reach } = await build().catch((error: unknown) => {
  if (error instanceof BuildError) return refuse(error.message)
  throw error
})
const code = sha256(artifacts.map(({ contract }) => contract.bytecode ?? '').join())
console.log(`${mutants.length} mutants, built in ${duration(spent())}`)

const seed = given.seed ?? code.slice(0, 16)
const drawn = (mutant: Mutant): string => sha256(`${seed} ${mutant.id}`)
const asked = mutants.filter(({ id, path }) => `${path} ${id}`.includes(given.only))
const chosen =
  given.sample === undefined
    ? asked
    : asked.sort((a, b) => (drawn(a) < drawn(b) ? -1 : 1)).slice(0, whole('sample', 1))
if (given.sample !== undefined) console.log(`${chosen.length} of them, drawn by seed ${seed}`)
if (chosen.length === 0) refuse(`no mutant is called anything like "${given.only}"`)
if (given.list) {
  for (const { path, line, operator, id } of chosen) console.log(`${path}:${line} [${operator}] ${id}`)
  process.exit(0)
}

const stages = stagesOf(artifacts)
const broken = await judge(artifacts, stages, 0)
if (broken !== undefined) {
  console.error(`${broken.test} fails without any mutant; make it pass first:\n${broken.reason}`)
  process.exit(2)
}

const journal = openJournal<Judged>(JOURNAL, `${code} ${RULES}`, given.fresh)
const mine = chosen.filter((_, i) => i % Number(parts) === Number(part) - 1)
const todo = mine.filter(({ number }) => !journal.done.has(`${number}`))
if (todo.length < mine.length)
  console.log(`${mine.length - todo.length} of ${mine.length} are judged already`)
const killers = openKillers(KILLERS)
const begun = performance.now()
let [judged, reported] = [0, begun]
await forEach(
  todo,
  async (mutant) => {
    const relevant = ({ source }: TestId) => reach.get(source)!.has(mutant.path)
    const by = await judge(artifacts, stages, mutant.number, relevant, killers.of(mutant))
    journal.record(`${mutant.number}`, { by: by?.test ?? null })
    if (by !== undefined) killers.note(mutant, by.test)
    else console.log(`survived  ${mutant.path}:${mutant.line} ${mutant.id}`)
    judged += 1
    if (performance.now() - reported < REPORT_MS) return
    reported = performance.now()
    killers.save()
    const left = ((reported - begun) / 1000 / judged) * (todo.length - judged)
    console.log(
      `${judged} of ${todo.length} judged in ${duration((reported - begun) / 1000)}, about ${duration(left)} left`,
    )
  },
  jobs,
)

killers.save()
journal.refresh()
const done = chosen.filter(({ number }) => journal.done.has(`${number}`))
const survivors = survivorsOf(done, (mutant) => journal.done.get(`${mutant.number}`)!.by === null)
const reasons = JSON.parse(readFileSync(EXPLAINED, 'utf8')) as Record<string, string>
const isWhole = done.length === mutants.length
const complaints = verdict({ done, survivors, reasons, isWhole })
if (done.length < chosen.length) console.log(`${done.length} of ${chosen.length} of the whole run are judged`)
if (isWhole) {
  writeWhole(RECORD, { date: new Date().toISOString(), code, ...resultOf(done, survivors, reasons) })
  console.log(`recorded in ${RECORD}`)
}
for (const complaint of complaints) console.error(complaint)
console.log(`${done.length - survivors.length} of ${done.length} killed in ${duration(spent())}`)
process.exitCode = complaints.length > 0 ? 1 : 0
