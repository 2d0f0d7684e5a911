// node agent/test/model/main.ts --steps 1000000 --seed 7
// Exit code 1 at the first violation, with what replays it.
import { readFlags } from '../../../scripts/lib/flags.ts'
import { runModel } from './run.ts'
import { LONG_REGRESSIONS, REGRESSIONS } from './seeds.ts'

const HELP = `usage: node agent/test/model/main.ts [--steps N] [--seed S] [--verbose] | --kept

  --steps N   of one run; 10000 by default
  --seed S    of a run to repeat; printed by each, a new one by default
  --verbose   how often each edge was taken and each action done
  --kept      every run that once ended in a violation, instead`

const say = (text: string) => void process.stdout.write(`${text}\n`)

/** @returns whether every promise was kept. */
const run = async (seed: number, steps: number, verbose: boolean): Promise<boolean> => {
  say(`seed ${seed}, ${steps} steps`)
  const started = performance.now()
  const seconds = () => Math.round((performance.now() - started) / 1000)
  const outcome = await runModel({
    seed,
    steps,
    onProgress: (done) => {
      if (done % 10_000 === 0) say(`${done} steps, ${seconds()} s`)
    },
  })
  const { leases, starts, cuts, rests, edges, kinds } = outcome.counts
  say(
    `${outcome.steps} steps in ${seconds()} s: ${leases} leases, ${starts} starts, ${cuts} cuts, ${rests} times at rest`,
  )
  if (verbose) {
    const table = { ...Object.fromEntries(edges), ...Object.fromEntries(kinds) }
    for (const [what, times] of Object.entries(table).sort()) say(`${what} ${times}`)
  }
  for (const violation of outcome.violations) say(`VIOLATION ${violation}`)
  if (outcome.violations.length === 0) return true
  say(`after: ${outcome.trail.join(' ')}`)
  say(`again: node agent/test/model/main.ts --seed ${seed} --steps ${outcome.steps}`)
  return false
}

const { values, whole } = readFlags(HELP, {
  steps: { type: 'string', default: '10000' },
  seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 32)}` },
  verbose: { type: 'boolean', default: false },
  kept: { type: 'boolean', default: false },
})
const given = { seed: whole('seed', 0), steps: whole('steps', 1) }
for (const one of values.kept ? [...REGRESSIONS, ...LONG_REGRESSIONS] : [given]) {
  if (!(await run(one.seed, one.steps, values.verbose))) process.exitCode = 1
}
