// `npm run crash`: kill -9 at any moment, and then count everything.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { type MarketsReport, runMarkets } from '../../test/crash/markets.ts'
import { printAgentReport } from './agent/report.ts'
import { type AgentCrashOptions, runAgentCrash } from './agent/run.ts'

// What is killed starts again hundreds of times, and half of a start is compiling.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../../build/compiled', import.meta.url))

const HELP = `usage: npm run crash -- [SUBJECT] [--kills N] [--seed N] [--minutes N] [--resume] [--keep] [--json]

Kills what serves leases at random moments, restarts it, and counts. See test/crash/README.md.

  SUBJECT      keeper (default): two keepers of a market at once; in the end the chain, independent books, and every
               table are reconciled to the unit; so after every hundred kills, with a new market for the next
               agent: a node with real guests; its agent, its libvirtd or one guest's QEMU is killed, and after each kill
               everything on the machine has to be explained by the leases within 30 s (root, libvirt)
  --kills N    how many; 50 by default
  --seed N     decides loads, aims and fates; random by default, and printed
  --minutes N  the run fails when it takes longer; by default 5 and 20 s for every kill (agent: 45 s)
  --resume     keeper: goes on after the markets that a run of the same seed, kills and sources has counted
  --within N   agent: seconds from a kill until everything has to be explained; 30 by default, more on a busy machine
  --keep       keeps databases and logs; they are kept anyway when something is wrong
  --json       the report as one JSON line on stdout
  --help       this text

Progress goes to stderr. Exit code: 0 when everything adds up, 1 when something does not, 2 when it could not be run.`

type Options = AgentCrashOptions & { resume: boolean }
type Run = (options: Options) => Promise<{ ok: boolean; show: () => void; report: unknown }>

const subject =
  <report extends { ok: boolean }>(
    run: (options: Options) => Promise<report>,
    print: (report: report) => void,
  ): Run =>
  async (options) => {
    const report = await run(options)
    return { ok: report.ok, show: () => print(report), report }
  }

const numberOf = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new DecloudError('options', `--${name} ${text} is not a whole number above 0.`, {
    hint: 'See --help.',
  })
}

const optionsOf = (args: readonly string[]) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      kills: { type: 'string', default: '50' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      within: { type: 'string', default: '30' },
      resume: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const [name = 'keeper', ...rest] = positionals
  const run = SUBJECTS[name]
  if (run === undefined || rest.length > 0) {
    const known = Object.keys(SUBJECTS).join(', ')
    throw new DecloudError('options', `"${positionals.join(' ')}" is nothing to crash.`, {
      hint: `Known: ${known}.`,
    })
  }
  const kills = numberOf('kills', values.kills)
  const withinSeconds =
    values.minutes === undefined
      ? 300 + (name === 'agent' ? 45 : 20) * kills
      : 60 * numberOf('minutes', values.minutes)
  const seed = values.seed === undefined ? Math.ceil(Math.random() * 2 ** 31) : numberOf('seed', values.seed)
  const convergeSeconds = numberOf('within', values.within)
  const { resume, keep, json } = values
  return { run, kills, seed, withinSeconds, convergeSeconds, resume, keep, json }
}

const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? member.toString() : member))

const print = (report: MarketsReport) => {
  const { kills, ends, leases, transactions } = report
  const list = (record: Record<string, number>) =>
    Object.entries(record)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  console.log(
    `${kills.done} kills in ${report.markets} markets and ${report.seconds} s, ${kills.hit} of them where they were aimed (seed ${report.seed})`,
  )
  console.log(`  aimed: ${list(kills.byAim)}`)
  console.log(`  came back: ${list(kills.byFate)}`)
  console.log(`${leases} leases opened; they ended: ${list(ends.byReason)}`)
  console.log('transactions of the keepers:')
  for (const { call, effect, count, gas } of transactions) {
    console.log(`  ${call} ${effect}: ${count}, ${gas} gas`)
  }
  const { lostRaces, figures } = report
  console.log(`assignments whose room a stranger took first: ${lostRaces.count}, ${lostRaces.gas} gas`)
  console.log(
    `compared: ${figures.auditedReads} figures of ${figures.auditedLeases} leases by independent books; ` +
      `${figures.keeperRows} rows in ${figures.keeperTables} tables of each keeper`,
  )
  const findings: [string, readonly unknown[]][] = [
    ['double sends that cost money', report.doubleSends],
    ['lost leases', ends.lost],
    ['differences between books and chain', report.auditDifferences],
    ['differences between keepers and chain', report.keeperDifferences],
    ['things unresolved', report.unresolved],
  ]
  for (const [name, found] of findings) {
    console.log(`${found.length} ${name}`)
    for (const one of found.slice(0, 20)) console.log(`  ${toJson(one)}`)
  }
  if (report.folder !== null) console.log(`databases and logs: ${report.folder}`)
}

const SUBJECTS: Readonly<Record<string, Run>> = {
  keeper: subject(runMarkets, print),
  agent: subject(runAgentCrash, printAgentReport),
}

const main = async (): Promise<number> => {
  const options = optionsOf(process.argv.slice(2))
  if (options === 'help') {
    console.log(HELP)
    return 0
  }
  const abort = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => abort.abort())
  const { run, json, ...rest } = options
  process.stderr.write(`seed ${rest.seed}\n`)
  const started = performance.now()
  const onProgress = (text: string) =>
    process.stderr.write(`${Math.round((performance.now() - started) / 1_000)} s: ${text}\n`)
  const { ok, report, show } = await run({ ...rest, signal: abort.signal, onProgress })
  if (json) console.log(toJson(report))
  else show()
  return ok ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(sentenceOf(error))
  process.exitCode = 2
}
