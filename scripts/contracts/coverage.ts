// `npm run coverage:contracts`: runs the Solidity tests and names every line and branch of the contracts that none took.
import { mkdirSync, writeFileSync } from 'node:fs'
import { getCoverageLibrary } from '@nomicfoundation/edr/coverage'
import { readFlags } from '../lib/flags.ts'
import { compile, readSources } from './compiler.ts'
import { measuresGas, nameOf, runTests, testsOf } from './edr.ts'
import { instrument, MARKERS, MARKERS_PATH, type Marker } from './instrument.ts'
import { treeOf } from './tree.ts'

const HELP = `usage: npm run coverage:contracts [-- --only TEXT]

Runs all Solidity tests, fuzz and invariants with few cases, and lists each line and each branch of contracts/src
(mocks aside) that no test took, as file:line. Exits 1 when there is one, or when a test fails. A branch is either way
of an if, a loop, a ternary, a require, what && and || stop at, and each clause of a try.
  --only TEXT   reports on the files whose path contains it`
const LCOV = 'build/coverage/contracts.lcov'
const OPTIONS = { seed: '0x1', fuzzRuns: 64, invariantRuns: 4, invariantDepth: 64, shrink: 0 }

const { values, refuse } = readFlags(HELP, { only: { type: 'string', default: '' } })

const sources = await readSources('contracts/src/**/*.sol')
const roots = sources.map(({ path }) => path)
const library = getCoverageLibrary()
const texts = new Map([
  [MARKERS_PATH, MARKERS],
  [library.filename, library.content],
])
const markers: Marker[] = []
const plain = compile(roots, new Map(), 'trees')
for (const { path, text, root } of plain.trees) {
  if (!roots.includes(path) || /^contracts\/src\/(mocks|interfaces)\//.test(path)) continue
  const instrumented = instrument(treeOf(path, text, root), markers.length + 1)
  markers.push(...instrumented.markers)
  texts.set(path, instrumented.text)
}
const tests = await readSources('test/contracts/**/*.{test,fuzz,invariants}.sol')
const { artifacts, problems } = compile([...roots, ...tests.map(({ path }) => path)], texts)
const [problem] = [...plain.problems, ...problems]
if (problem !== undefined) refuse(`${problem.path} does not compile with markers: ${problem.message}`)

const hits = new Set<number>()
const watched = testsOf(artifacts).filter((test) => !measuresGas(test))
const outcomes = await runTests(artifacts, watched, {
  ...OPTIONS,
  onCoverage: (seen) => {
    for (const bytes of seen) hits.add(new DataView(bytes.buffer, bytes.byteOffset + 28, 4).getUint32(0))
  },
})
const failures = outcomes.filter(({ status }) => status === 'failed')
for (const { test, reason } of failures) console.error(`FAILED ${nameOf(test)}\n  ${reason}`)

/** A line is taken when every statement that begins on it is. */
const linesOf = (own: readonly Marker[]): Map<number, boolean> => {
  const lines = new Map<number, boolean>()
  for (const { kind, line, number } of own) {
    if (kind !== 'branch') lines.set(line, (lines.get(line) ?? true) && hits.has(number))
  }
  return lines
}

const lcovOf = (path: string, own: readonly Marker[]): string => {
  const branches = own.filter(({ kind }) => kind === 'branch')
  return [
    `SF:${path}`,
    ...branches.map(({ line, number }, i) => `BRDA:${line},0,${i},${hits.has(number) ? 1 : 0}`),
    ...[...linesOf(own)].map(([line, taken]) => `DA:${line},${taken ? 1 : 0}`),
    'end_of_record\n',
  ].join('\n')
}

const share = (taken: number, all: number) => `${taken}/${all}`.padStart(9)
let lcov = 'TN:\n'
const totals = { lines: 0, linesTaken: 0, branches: 0, branchesTaken: 0 }
console.log(`${'lines'.padStart(9)} ${'branches'.padStart(9)}`)
for (const path of new Set(markers.map((marker) => marker.path))) {
  if (!path.includes(values.only)) continue
  const own = markers.filter((marker) => marker.path === path)
  const lines = [...linesOf(own).values()]
  const branches = own.filter(({ kind }) => kind === 'branch')
  const branchesTaken = branches.filter(({ number }) => hits.has(number)).length
  const linesTaken = lines.filter(Boolean).length
  console.log(`${share(linesTaken, lines.length)} ${share(branchesTaken, branches.length)}  ${path}`)
  totals.lines += lines.length
  totals.linesTaken += linesTaken
  totals.branches += branches.length
  totals.branchesTaken += branchesTaken
  lcov += lcovOf(path, own)
}
mkdirSync('build/coverage', { recursive: true })
writeFileSync(LCOV, lcov)

const missed = markers.filter(({ number, path }) => !hits.has(number) && path.includes(values.only))
for (const { path, line, kind, what } of missed) console.log(`not taken  ${path}:${line} [${kind}] ${what}`)
const { lines, linesTaken, branches, branchesTaken } = totals
if (lines === 0) refuse(`no file of contracts/src is called anything like "${values.only}"`)
console.log(`${share(linesTaken, lines)} lines, ${share(branchesTaken, branches)} branches; also in ${LCOV}`)
process.exitCode = missed.length > 0 || failures.length > 0 ? 1 : 0
