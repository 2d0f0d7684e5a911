// node agent/test/model/main.ts --steps 1000000 --seed 7
// Exit code 1 at the first violation, with what replays it.
import { parseArgs } from 'node:util'
import { runModel } from './run.ts'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    verbose: { type: 'boolean' },
  },
})
const steps = Number(values.steps)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
if (!Number.isSafeInteger(steps) || steps < 1 || !Number.isSafeInteger(seed) || seed < 0) {
  process.stderr.write('--steps and --seed are whole numbers.\n')
  process.exitCode = 2
} else {
  process.stdout.write(`seed ${seed}, ${steps} steps\n`)
  const started = performance.now()
  const seconds = () => Math.round((performance.now() - started) / 1000)
  const outcome = await runModel({
    seed,
    steps,
    onProgress: (done) => {
      if (done % 10_000 === 0) process.stdout.write(`${done} steps, ${seconds()} s\n`)
    },
  })
  const { leases, starts, cuts, rests } = outcome.counts
  process.stdout.write(
    `${outcome.steps} steps in ${seconds()} s: ${leases} leases, ${starts} starts, ${cuts} cuts, ${rests} times at rest\n`,
  )
  if (values.verbose === true) {
    const table = { ...Object.fromEntries(outcome.counts.edges), ...Object.fromEntries(outcome.counts.kinds) }
    for (const [what, times] of Object.entries(table).sort()) process.stdout.write(`${what} ${times}\n`)
  }
  for (const violation of outcome.violations) process.stdout.write(`VIOLATION ${violation}\n`)
  if (outcome.violations.length > 0) {
    process.stdout.write(`after: ${outcome.trail.join(' ')}\n`)
    process.stdout.write(`again: node agent/test/model/main.ts --seed ${seed} --steps ${outcome.steps}\n`)
    process.exitCode = 1
  }
}
