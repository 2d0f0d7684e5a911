// `npm test`: every fast suite, one real guest, one browser flow, and one line at the end that counts them all.
// A suite that cannot run here (no root, no browser) is skipped by its own tests, aloud; CI=true forbids that.
import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { stripVTControlCharacters } from 'node:util'
import { readFlags } from './lib/flags.ts'

const HELP = `usage: npm test [-- SUITE …]

Runs the suites named, or all of them, in this order:
  solidity   unit, fuzz and invariant tests of the contracts
  fast       vitest: protocol, chain, gossip, service, keeper, agent, web, integration
  e2e        a lease in real Chromium, and inside its machine, on the simulated hypervisor
  kvm        a lease on a real guest: libvirt, QEMU, SSH; the driver's contract (npm run test:kvm has the rest)
Ends with "N passed, N failed, N skipped" and exits 1 when anything failed.`

type Count = { passed: number; failed: number; skipped: number }
type Suite = { name: string; minutes: number; run: (signal: AbortSignal) => Promise<Count> }

const REPORTS = 'build/test'

const run = (
  command: string,
  args: readonly string[],
  options: { signal: AbortSignal; onLine?: (line: string) => void },
): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: process.env, ...options })
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      process.stdout.write(chunk)
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) options.onLine?.(line)
    })
    child.on('error', (error) => (error.name === 'AbortError' ? resolve(124) : reject(error)))
    child.on('close', (code) => resolve(code ?? 1))
  })

/** A runner that fails without counting a failure (a crash, a time-out) still counts as one. */
const atLeastOneFailure = (count: Count, exitCode: number): Count =>
  exitCode !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count

/** @param files of those projects, all when there are none. */
const vitest =
  (projects: readonly string[], files: readonly string[] = []) =>
  async (signal: AbortSignal): Promise<Count> => {
    const report = `${REPORTS}/${projects[0]}.json`
    const code = await run(
      'vitest',
      [
        'run',
        ...files,
        ...projects.flatMap((project) => ['--project', project]),
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
      ],
      { signal },
    )
    const text = await readFile(report, 'utf8').catch(() => '{}')
    const json = JSON.parse(text) as {
      numPassedTests?: number
      numFailedTests?: number
      numPendingTests?: number
    }
    const count = {
      passed: json.numPassedTests ?? 0,
      failed: json.numFailedTests ?? 0,
      skipped: json.numPendingTests ?? 0,
    }
    return atLeastOneFailure(count, code)
  }

/** Every test on every core; `hardhat test solidity` would take one. */
const solidity = async (signal: AbortSignal): Promise<Count> => {
  const count: Count = { passed: 0, failed: 0, skipped: 0 }
  console.log('compiling the contracts and their tests (about a minute)')
  const built = await run('hardhat', ['build', '--quiet'], { signal })
  if (built !== 0) return atLeastOneFailure(count, built)
  const code = await run('node', ['scripts/contracts/suites.ts', '--profile', 'default', '--fresh'], {
    signal,
    onLine: (line) => {
      const match = /^(\d+) passed, (\d+) failed in /.exec(stripVTControlCharacters(line))
      if (match !== null) [count.passed, count.failed] = [Number(match[1]), Number(match[2])]
    },
  })
  return atLeastOneFailure(count, code)
}

/** What every change has to keep; the rest of real guests takes three times as long. */
const MAIN_PATH = ['lease', 'contract', 'reconnect'].map((name) => `test/kvm/${name}.test.ts`)

const SUITES: readonly Suite[] = [
  { name: 'solidity', minutes: 12, run: solidity },
  {
    name: 'fast',
    minutes: 30,
    run: vitest(['protocol', 'chain', 'gossip', 'service', 'keeper', 'agent', 'web', 'integration']),
  },
  { name: 'e2e', minutes: 15, run: vitest(['e2e']) },
  { name: 'kvm', minutes: 20, run: vitest(['kvm'], MAIN_PATH) },
]

const { positionals, refuse } = readFlags(HELP, {}, true)
const unknown = positionals.filter((name) => !SUITES.some((suite) => suite.name === name))
if (unknown.length > 0) refuse(`There is no suite called ${unknown.join(', ')}.`)

await rm(REPORTS, { recursive: true, force: true })
await mkdir(REPORTS, { recursive: true })
const total: Count = { passed: 0, failed: 0, skipped: 0 }
const lines: string[] = []
for (const suite of SUITES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  const started = performance.now()
  console.log(`\n── ${suite.name} ${'─'.repeat(80 - suite.name.length)}`)
  const count = await suite.run(AbortSignal.timeout(suite.minutes * 60_000))
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  lines.push(
    `${suite.name.padEnd(9)} ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped in ${seconds} s`,
  )
  for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += count[key]
}
console.log(`\n${lines.join('\n')}`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
