// `npm run audit:static`: what analysers say about the contracts without running them.
import { join } from 'node:path'
import { sentenceOf } from '@decloud/protocol'
import { readFlags } from '../lib/flags.ts'
import { makeProgress } from '../lib/progress.ts'
import { ALL_SECONDS, CLAIMS, type Claim, DEEP_FACTOR, ROUNDS } from './claims.ts'
import { compileForHalmos, compileForSlither } from './compile.ts'
import { checkIntegers, type Taken, take } from './halmos.ts'
import { forgeLint, noForge, solhint } from './linters.ts'
import { codeUnderProof, readAnswers, worse, writeAnswers } from './record.ts'
import { slither } from './slither.ts'
import { BUILD, pythonTools } from './tools.ts'
import { type Finding, judge, readTriage } from './triage.ts'

const HELP = `usage: npm run audit:static [-- --only TOOL] [--claim TEXT] [--deep] [--update]

solhint, forge lint, Slither and Halmos over contracts/src. Slither and Halmos come from PyPI into ${BUILD}/ at the first
run; where PyPI, Python or the binary of forge cannot be had the audit says so and judges by the rest.

  --only TOOL   solhint, forge-lint, slither or halmos
  --claim TEXT  of Halmos's claims, only those whose name contains TEXT
  --deep        ten times as long for each claim
  --update      records the answers of Halmos; what was not taken keeps its answer if the bytecode is the same

Fails (1) on a finding that scripts/static/triage.json does not explain, on an explanation without a finding, on a claim
that is refuted, and on an answer that is weaker than recorded in test/contracts/symbolic/answers.json (a time-out only when
the bytecode is another one); 2 when the audit could not be done.`

const ROOT = join(import.meta.dirname, '../..')
const SYMBOLIC = 'test/contracts/symbolic'
const RECORD = join(ROOT, SYMBOLIC, 'answers.json')
const TRIAGE = join(ROOT, 'scripts/static/triage.json')
// Of the check that a solution in words is one in integers.
const SEED = 7
const QUESTIONS = 150
const TOOLS = ['solhint', 'forge-lint', 'slither', 'halmos']

const progress = makeProgress()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

const { values, refuse } = readFlags(HELP, {
  only: { type: 'string' },
  claim: { type: 'string', default: '' },
  deep: { type: 'boolean', default: false },
  update: { type: 'boolean', default: false },
})
if (values.only !== undefined && !TOOLS.includes(values.only)) refuse(`There is no tool "${values.only}".`)
const NOT_REACHED: Taken = { answer: 'timed out', seconds: 0, paths: 0, detail: '' }
const wants = (tool: string): boolean => values.only === undefined || values.only === tool

const printClaim = ({ check, says, bound }: Claim, { answer, seconds, paths, detail }: Taken) => {
  const limits = bound === undefined || answer === 'proved' ? '' : ` [${bound}]`
  console.log(`  ${answer.padEnd(9)} ${says}${limits} (${check}, ${paths} paths, ${seconds} s)`)
  if (answer === 'refuted' || answer === 'failed') console.log(detail.replaceAll(/^/gm, '      '))
}

/** @returns What is wrong, a line each. */
const halmos = async (venv: string): Promise<string[]> => {
  const project = await progress.step('compiling the claims', () =>
    compileForHalmos(ROOT, join(ROOT, BUILD), SYMBOLIC),
  )
  await progress.step(`integers for words, ${QUESTIONS} random questions from seed ${SEED}`, () =>
    checkIntegers(ROOT, venv, SEED, QUESTIONS, stop.signal),
  )
  const taken = new Map<string, Taken>()
  console.log('halmos: for all inputs')
  const factor = values.deep ? DEEP_FACTOR : 1
  const until = performance.now() + ALL_SECONDS * factor * 1000
  for (const round of ROUNDS) {
    const claims = round.claims.filter(({ check }) => check.includes(values.claim))
    if (claims.length === 0) continue
    const seconds = Math.min(round.seconds * factor, Math.floor((until - performance.now()) / 1000))
    const name =
      claims.length === 1 ? claims[0]!.check : `${claims[0]!.check.split('.')[0]}, ${claims.length} claims`
    const answers =
      seconds < 1
        ? new Map<string, Taken>()
        : await progress.step(name, () => take(ROOT, venv, project, claims, seconds, stop.signal))
    for (const claim of claims) {
      const answer = answers.get(claim.check) ?? NOT_REACHED
      taken.set(claim.check, answer)
      printClaim(claim, answer)
    }
  }
  const codes = await codeUnderProof(project)
  if (values.update) await writeAnswers(RECORD, CLAIMS, taken, codes)
  return worse(
    CLAIMS.filter(({ check }) => taken.has(check)),
    taken,
    await readAnswers(RECORD),
    codes,
  )
}

const printJudgement = (findings: readonly Finding[], ran: ReadonlySet<string>, wrong: string[]) => {
  for (const tool of ran) {
    console.log(`${tool}: ${findings.filter((finding) => finding.tool === tool).length} findings looked at`)
  }
  if (wrong.length === 0) console.log(`each explained in ${TRIAGE.slice(ROOT.length + 1)}`)
}

const audit = async (): Promise<number> => {
  const wrong: string[] = []
  const missing: string[] = []
  if (wants('solhint')) {
    const lines = await progress.step('solhint', () => solhint(ROOT, stop.signal))
    console.log(`solhint: ${lines.length} findings`)
    wrong.push(...lines.map((line) => `solhint: ${line}`))
  }
  const { directory, syntax } = await compileForSlither(ROOT, join(ROOT, BUILD))
  const findings: Finding[] = []
  const ran = new Set<string>()
  const forgeless = wants('forge-lint') ? await noForge(ROOT, stop.signal) : undefined
  if (forgeless !== undefined) missing.push(`forge lint was not run: ${forgeless}`)
  else if (wants('forge-lint')) {
    findings.push(...(await progress.step('forge lint', () => forgeLint(ROOT, syntax, stop.signal))))
    ran.add('forge-lint')
  }
  const python = wants('slither') || wants('halmos')
  const tools = python ? await pythonTools(ROOT, progress, stop.signal) : { missing: '' }
  if ('missing' in tools) {
    if (python) missing.push(`Slither and Halmos were not run: ${tools.missing}`)
  } else if (wants('slither')) {
    findings.push(
      ...(await progress.step('Slither', () => slither(ROOT, tools.venv, directory, stop.signal))),
    )
    ran.add('slither')
  }
  const { unexplained, stale } = judge(findings, await readTriage(TRIAGE), ran)
  const judged = [
    ...unexplained.map(({ tool, check, at, text }) => `${tool}: ${check} at ${at} is not explained: ${text}`),
    ...stale.map((key) => `explained, but not found any more: ${key}`),
  ]
  printJudgement(findings, ran, judged)
  wrong.push(...judged)
  if (!('missing' in tools) && wants('halmos')) wrong.push(...(await halmos(tools.venv)))
  for (const line of [...wrong, ...missing]) console.error(line)
  console.log(
    wrong.length > 0
      ? `${wrong.length} wrong`
      : missing.length > 0
        ? 'nothing wrong in what ran'
        : 'nothing wrong',
  )
  return wrong.length > 0 ? 1 : 0
}

process.exitCode = await audit().catch((error: unknown) => {
  console.error(sentenceOf(error))
  return 2
})
