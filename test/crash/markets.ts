// A long run is a row of markets, a hundred kills each, counted one by one: a local chain slows down with all that it has to
// remember, and what is counted is written down, so that a run that was broken off goes on.
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../scripts/contracts/journal.ts'
import { type CrashOptions, type CrashReport, runCrash } from './run.ts'

export const KILLS_A_MARKET = 100
const ROOT = join(import.meta.dirname, '../..')
/** Of what a count is true: keepers, contracts, and what is done to them. */
const SOURCES = [
  ...['chain', 'gossip', 'keeper', 'service'].map((room) => `${room}/src/**/*.ts`),
  ...['contracts/src/**/*.sol', 'contracts/protocol/**/*.ts', 'test/crash/*.ts'],
]

export type MarketsReport = Omit<CrashReport, 'load'> & { markets: number }
export type MarketsOptions = CrashOptions & {
  /** Goes on after the markets that a run of the same seed, number and sources has counted. */
  resume: boolean
}
/** Runs one market to its report. */
type RunMarket = (options: CrashOptions) => Promise<CrashReport>

/** Kills and seed of each market: a market is repeated alone by its own. */
export const marketsOf = (kills: number, seed: number): { kills: number; seed: number }[] =>
  Array.from({ length: Math.ceil(kills / KILLS_A_MARKET) }, (_, nth) => ({
    kills: Math.min(KILLS_A_MARKET, kills - nth * KILLS_A_MARKET),
    seed: seed + nth,
  }))

const hashOfSources = (): string => {
  const hash = createHash('sha256')
  for (const file of globSync(SOURCES, { cwd: ROOT }).sort()) {
    hash.update(file).update(readFileSync(join(ROOT, file)))
  }
  return hash.digest('hex')
}

/** Gas is a bigint, which JSON does not know. */
type Counted = { report: string }
const pack = (report: CrashReport): Counted => ({
  report: JSON.stringify(report, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
})
const unpack = ({ report }: Counted): CrashReport =>
  // Packed just above, by this file alone.
  JSON.parse(report, (_, value: unknown) =>
    typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  ) as CrashReport

const total = (records: readonly Record<string, number>[]): Record<string, number> => {
  const sums: Record<string, number> = {}
  for (const record of records) {
    for (const [name, count] of Object.entries(record)) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}
const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)

const transactionsOf = (reports: readonly CrashReport[]): CrashReport['transactions'] => {
  const tallies = new Map<string, CrashReport['transactions'][number]>()
  for (const { call, effect, count, gas } of reports.flatMap(({ transactions }) => transactions)) {
    const before = tallies.get(`${call} ${effect}`)
    tallies.set(`${call} ${effect}`, {
      ...{ call, effect },
      ...{ count: count + (before?.count ?? 0), gas: gas + (before?.gas ?? 0n) },
    })
  }
  return [...tallies.values()]
}

/** One report over all of them, findings in their order. */
const mergeReports = (seed: number, reports: readonly CrashReport[]): MarketsReport => ({
  seed,
  markets: reports.length,
  seconds: sum(reports.map(({ seconds }) => seconds)),
  kills: {
    done: sum(reports.map(({ kills }) => kills.done)),
    hit: sum(reports.map(({ kills }) => kills.hit)),
    byAim: total(reports.map(({ kills }) => kills.byAim)),
    byFate: total(reports.map(({ kills }) => kills.byFate)),
  },
  leases: sum(reports.map(({ leases }) => leases)),
  ends: {
    byReason: total(reports.map(({ ends }) => ends.byReason)),
    lost: reports.flatMap(({ ends }) => ends.lost),
  },
  transactions: transactionsOf(reports),
  lostRaces: {
    count: sum(reports.map(({ lostRaces }) => lostRaces.count)),
    gas: reports.reduce((gas, { lostRaces }) => gas + lostRaces.gas, 0n),
  },
  doubleSends: reports.flatMap(({ doubleSends }) => doubleSends),
  auditDifferences: reports.flatMap(({ auditDifferences }) => auditDifferences),
  keeperDifferences: reports.flatMap(({ keeperDifferences }) => keeperDifferences),
  unresolved: reports.flatMap(({ unresolved }) => unresolved),
  figures: {
    auditedLeases: sum(reports.map(({ figures }) => figures.auditedLeases)),
    auditedReads: sum(reports.map(({ figures }) => figures.auditedReads)),
    keeperTables: Math.max(...reports.map(({ figures }) => figures.keeperTables)),
    keeperRows: sum(reports.map(({ figures }) => figures.keeperRows)),
  },
  ok: reports.every(({ ok }) => ok),
  folder: reports.find(({ folder }) => folder !== null)?.folder ?? null,
})

/** Runs market after market, and none after one with a finding. @throws what {@link runCrash} throws. */
export const runMarkets = async (
  options: MarketsOptions,
  run: RunMarket = runCrash,
): Promise<MarketsReport> => {
  const { kills, seed, onProgress } = options
  const markets = marketsOf(kills, seed)
  const about = JSON.stringify({ kills, seed, sources: hashOfSources() })
  const journal = openJournal<Counted>(join(ROOT, `build/crash/${seed}-${kills}`), about, !options.resume)
  const counted: CrashReport[] = []
  const until = performance.now() + options.withinSeconds * 1_000
  if (journal.done.size > 0)
    onProgress(`${journal.done.size} of ${markets.length} markets are counted already`)
  for (const [nth, market] of markets.entries()) {
    const before = journal.done.get(`${market.seed}`)
    if (before !== undefined) {
      counted.push(unpack(before))
      continue
    }
    if (markets.length > 1) onProgress(`market ${nth + 1} of ${markets.length}, seed ${market.seed}`)
    const withinSeconds = Math.max(1, Math.round((until - performance.now()) / 1_000))
    const report = await run({ ...options, ...market, withinSeconds })
    counted.push(report)
    if (!report.ok) {
      if (markets.length > 1)
        onProgress(`again: npm run crash -- --kills ${market.kills} --seed ${market.seed}`)
      break
    }
    journal.record(`${market.seed}`, pack(report))
  }
  return mergeReports(seed, counted)
}
