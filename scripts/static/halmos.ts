import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import { z } from 'zod'
import type { Claim } from './claims.ts'
import { run } from './run.ts'
import { BUILD } from './tools.ts'

/** `refuted` comes with the inputs that break the claim; `failed` is a claim that could not be taken at all. */
export type Answer = 'proved' | 'bounded' | 'timed out' | 'refuted' | 'failed'
export type Taken = { answer: Answer; seconds: number; paths: number; detail: string }

const reportSchema = z.object({
  test_results: z.record(
    z.string(),
    z.array(z.object({ exitcode: z.int(), num_paths: z.tuple([z.int(), z.int(), z.int()]).nullable() })),
  ),
})

// Halmos's own: passed, counterexample, timed out; anything above is a claim that never reached its assertion.
const ANSWERS: readonly Answer[] = ['proved', 'refuted', 'timed out']
const QUERY_SHARE = 0.5

const tail = (text: string) =>
  text
    .split('\n')
    .filter((line) => /Counterexample|p_\w+ = |halmos_\w+ = |ERROR|WARNING/.test(line))
    .slice(0, 20)
    .join('\n')

/** The command line of one claim. Array arguments hold one element: every loop over one treats each alike. */
const argumentsOf = (
  root: string,
  venv: string,
  project: string,
  claim: Claim,
  seconds: number,
  report: string,
) => {
  const [contract, check] = claim.check.split('.') as [string, string]
  const solver = `${join(venv, 'bin', 'python')} ${join(root, 'scripts/static/solve_smt2.py')}`
  return [
    ...['--root', project, '--contract', contract, '--match-test', `^${check}\\(`, '--no-status'],
    ...['--solver-command', solver, '--solver-timeout-branching', '50ms'],
    ...['--solver-timeout-assertion', `${Math.ceil(seconds * QUERY_SHARE)}s`],
    ...['--default-array-lengths', '1', '--default-bytes-lengths', '65', '--json-output', report],
  ]
}

/**
 * Our own reading of words as integers is part of every proof: asks it random questions that have a solution, and throws
 * when it denies one.
 */
export const checkIntegers = async (
  root: string,
  venv: string,
  seed: number,
  questions: number,
  signal: AbortSignal,
): Promise<void> => {
  const script = join(root, 'scripts/static/integers_check.py')
  const ran = await run(join(venv, 'bin', 'python'), [script, String(seed), String(questions)], {
    seconds: 240,
    signal,
  })
  if (ran.code === 0) return
  const why = ran.timedOut ? 'it did not end in time' : `${ran.stdout}${ran.stderr}`.slice(0, 2_000)
  throw new DecloudError('static/integers', `The reading of words as integers is not sound: ${why}`)
}

/** Takes one claim, within `seconds`. Counterexamples are in `detail`. */
export const take = async (
  root: string,
  venv: string,
  project: string,
  claim: Claim,
  seconds: number,
  signal: AbortSignal,
): Promise<Taken> => {
  const report = join(root, BUILD, 'halmos-report.json')
  const home = join(root, BUILD, 'home')
  await mkdir(home, { recursive: true })
  await rm(report, { force: true })
  const started = performance.now()
  const ran = await run(
    join(venv, 'bin', 'halmos'),
    argumentsOf(root, venv, project, claim, seconds, report),
    {
      seconds,
      signal,
      cwd: project,
      env: {
        HOME: home,
        VIRTUAL_ENV: venv,
        PATH: `${join(venv, 'bin')}:${join(root, 'node_modules/.bin')}:${process.env['PATH']}`,
      },
    },
  )
  const took = Math.round((performance.now() - started) / 1000)
  if (ran.timedOut) return { answer: 'timed out', seconds: took, paths: 0, detail: '' }
  const text = await readFile(report, 'utf8').catch(() => '{"test_results":{}}')
  const result = Object.values(reportSchema.parse(JSON.parse(text)).test_results)[0]?.[0]
  const detail = tail(ran.stdout + ran.stderr)
  if (result === undefined) return { answer: 'failed', seconds: took, paths: 0, detail: detail || ran.stderr }
  const answer = ANSWERS[result.exitcode] ?? 'failed'
  // A loop that was cut short proves nothing about the rounds after it.
  const cut = /bounds: \[[^\]]/.test(ran.stdout)
  return {
    answer: answer === 'proved' && (cut || claim.bound !== undefined) ? 'bounded' : answer,
    seconds: took,
    paths: result.num_paths?.[0] ?? 0,
    detail,
  }
}
