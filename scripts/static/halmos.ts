import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { DecloudError } from '@decloud/protocol'
import type { Claim, Round } from './claims.ts'
import { run } from './run.ts'
import { BUILD } from './tools.ts'

/** `refuted` comes with the inputs that break the claim; `failed` is a claim that could not be taken at all. */
export type Answer = 'proved' | 'bounded' | 'timed out' | 'refuted' | 'failed'
export type Taken = { answer: Answer; seconds: number; paths: number; detail: string }

// Halmos's own words. Anything but these is a claim that never reached its assertion.
const ANSWERS: Readonly<Record<string, Answer>> = {
  PASS: 'proved',
  FAIL: 'refuted',
  TIMEOUT: 'timed out',
}
const QUERY_SHARE = 0.5

const tail = (text: string) =>
  text
    .split('\n')
    .filter((line) => /Counterexample|p_\w+ = |halmos_\w+ = |ERROR|WARNING/.test(line))
    .slice(0, 20)
    .join('\n')

/** The command line of one round. Array arguments hold one element: every loop over one treats each alike. */
const argumentsOf = (
  root: string,
  venv: string,
  project: string,
  claims: readonly Claim[],
  seconds: number,
) => {
  const [contract] = claims[0]!.check.split('.')
  const names = claims.map(({ check }) => check.split('.')[1])
  const solver = `${join(venv, 'bin', 'python')} ${join(root, 'scripts/static/solve_smt2.py')}`
  return [
    ...[
      '--root',
      project,
      '--contract',
      contract!,
      '--match-test',
      `^(${names.join('|')})\\(`,
      '--no-status',
      '--early-exit',
    ],
    ...['--solver-command', solver, '--solver-timeout-branching', '50ms'],
    ...['--solver-timeout-assertion', `${Math.ceil(seconds * QUERY_SHARE)}s`],
    ...['--default-array-lengths', '1', '--default-bytes-lengths', '65'],
  ]
}

/** Halmos has forge build the project first; there is nothing left to build, and no forge needed. */
const writeForgeShim = async (root: string): Promise<string> => {
  const folder = join(root, BUILD, 'nothing-to-build')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'forge'), '#!/bin/sh\nexit 0\n')
  await chmod(join(folder, 'forge'), 0o755)
  return folder
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

/** What Halmos printed about one claim; nothing, when it had not come to an answer. */
const readAnswer = (claim: Claim, output: string): Taken | undefined => {
  const name = claim.check.split('.')[1]!
  const line = new RegExp(
    `\\[([A-Z]+)\\] ${name}\\(.*\\(paths: (\\d+), time: ([\\d.]+)s.*bounds: \\[(.*)\\]\\)`,
  )
  const [, word = '', paths, seconds, lengths] = line.exec(output) ?? []
  if (word === '') return undefined
  const answer = ANSWERS[word] ?? 'failed'
  // A loop that was cut short proves nothing about the rounds after it; nor does an array about longer ones.
  const cut = lengths !== '' || new RegExp(`${name}\\(.*loop unrolling bound`).test(output)
  return {
    answer: answer === 'proved' && (cut || claim.bound !== undefined) ? 'bounded' : answer,
    seconds: Math.round(Number(seconds)),
    paths: Number(paths),
    detail: answer === 'refuted' || answer === 'failed' ? tail(output) : '',
  }
}

/**
 * Takes the claims of one round, within `seconds`. Counterexamples are in `detail`.
 * @param claims Of one contract.
 */
export const take = async (
  root: string,
  venv: string,
  project: string,
  claims: Round['claims'],
  seconds: number,
  signal: AbortSignal,
): Promise<Map<string, Taken>> => {
  const home = join(root, BUILD, 'home')
  await mkdir(home, { recursive: true })
  const shim = await writeForgeShim(root)
  const ran = await run(join(venv, 'bin', 'halmos'), argumentsOf(root, venv, project, claims, seconds), {
    seconds,
    signal,
    cwd: project,
    env: {
      HOME: home,
      VIRTUAL_ENV: venv,
      PATH: `${shim}:${join(venv, 'bin')}:${process.env['PATH']}`,
      // What was answered before the deadline is to be read after it.
      PYTHONUNBUFFERED: '1',
    },
  })
  const output = stripVTControlCharacters(ran.stdout + ran.stderr)
  const unanswered: Taken = ran.timedOut
    ? { answer: 'timed out', seconds, paths: 0, detail: '' }
    : { answer: 'failed', seconds: 0, paths: 0, detail: tail(output) || ran.stderr }
  return new Map(claims.map((claim) => [claim.check, readAnswer(claim, output) ?? unanswered]))
}
