// A long run is a row of markets, a hundred kills each, counted one by one: a local chain slows down with all that it has to
// remember, and what is counted is written down, so that a run that was broken off goes on.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type CrashOptions, type CrashReport, runCrash } from './run.ts'

export const KILLS_A_MARKET = 100
const FOLDER = new URL('../../build/crash/', import.meta.url)

export type MarketsReport = Omit<CrashReport, 'load'> & { markets: number }
export type MarketsOptions = CrashOptions & {
  /** Goes on after the markets that a run of the same seed and number has counted. */
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

const fileOf = ({ kills, seed }: CrashOptions) => new URL(`${seed}-${kills}.json`, FOLDER)

const readCounted = (options: MarketsOptions): CrashReport[] => {
  if (!options.resume) return []
  try {
    // Written below, by this file alone.
    return JSON.parse(readFileSync(fileOf(options), 'utf8'), (_, value: unknown) =>
      typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
    ) as CrashReport[]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const writeCounted = (options: MarketsOptions, counted: readonly CrashReport[]) => {
  mkdirSync(FOLDER, { recursive: true })
  const text = JSON.stringify(counted, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
  writeFileSync(fileOf(options), text)
}

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
  const { onProgress } = options
  const markets = marketsOf(options.kills, options.seed)
  const counted = readCounted(options)
  const until = performance.now() + options.withinSeconds * 1_000
  if (counted.length > 0) onProgress(`${counted.length} of ${markets.length} markets are counted already`)
  for (const [nth, market] of markets.entries()) {
    if (nth < counted.length) continue
    if (markets.length > 1) onProgress(`market ${nth + 1} of ${markets.length}, seed ${market.seed}`)
    const withinSeconds = Math.max(1, Math.round((until - performance.now()) / 1_000))
    const report = await run({ ...options, ...market, withinSeconds })
    counted.push(report)
    if (!report.ok) {
      if (markets.length > 1)
        onProgress(`again: npm run crash -- --kills ${market.kills} --seed ${market.seed}`)
      break
    }
    writeCounted(options, counted)
  }
  return mergeReports(options.seed, counted)
}
