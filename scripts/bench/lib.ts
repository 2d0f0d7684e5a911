// What every bench shares: ours and the peer's taken in turn, medians, and one shape of the result.
import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, platform } from 'node:os'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, '..', '..', 'build', 'bench')

/** One promise with a number. `held` false is said plainly and is no failure of the command: machines differ. */
export type Target = { what: string; wanted: string; got: string; held: boolean }

/** Names and figures; the unit stands in the name (`placementsPerSecond`, `p99Ms`). */
type Figures = Readonly<Record<string, number | readonly number[] | string>>

export type Measured = {
  name: string
  ours: Figures
  peer: Figures
  /** Ours over the peer's, so that above 1 is better than the peer. */
  ratio: number
  targets: readonly Target[]
}

/** @throws RangeError for no numbers. */
export const median = (numbers: Iterable<number>): number => percentile(numbers, 0.5)

/** @param share 0.99 for p99. @throws RangeError for no numbers. */
export const percentile = (numbers: Iterable<number>, share: number): number => {
  const sorted = Float64Array.from(numbers).sort()
  const found = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  if (found === undefined) throw new RangeError('A percentile of no numbers was asked for.')
  return found
}

/** `ours`, `peer`, `ours`, `peer`, …: what else the machine does meanwhile falls on both alike. */
export const inPairs = async <result>(
  pairs: number,
  ours: (nth: number) => Promise<result> | result,
  peer: (nth: number) => Promise<result> | result,
): Promise<{ ours: result[]; peer: result[] }> => {
  const taken: { ours: result[]; peer: result[] } = { ours: [], peer: [] }
  for (let nth = 0; nth < pairs; nth++) {
    taken.ours.push(await ours(nth))
    taken.peer.push(await peer(nth))
  }
  return taken
}

const round = (value: number) => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
const shown = (value: number) => round(value).toLocaleString('en')

export const atLeast = (what: string, wanted: number, got: number): Target => ({
  what,
  wanted: `≥ ${shown(wanted)}`,
  got: shown(got),
  held: got >= wanted,
})

export const atMost = (what: string, wanted: number, got: number): Target => ({
  what,
  wanted: `≤ ${shown(wanted)}`,
  got: shown(got),
  held: got <= wanted,
})

const lines = (figures: Figures) =>
  Object.entries(figures).map(([name, value]) => {
    const text = typeof value === 'string' ? value : [value].flat().map(shown).join(' ')
    return `  ${name.padEnd(24)} ${text}`
  })

const environment = () => ({
  platform: platform(),
  arch: arch(),
  cores: availableParallelism(),
  cpu: cpus()[0]?.model ?? 'unknown',
  // One, five and fifteen minutes: a figure from a busy machine should say so.
  load: loadavg().map(round),
})

/** Prints the result and writes build/bench/NAME.json. */
export const report = ({ name, ours, peer, ratio, targets }: Measured): void => {
  const result = {
    ...{ name, at: new Date().toISOString(), node: process.version, environment: environment() },
    ...{ ours, peer, ratio, targets },
  }
  mkdirSync(FOLDER, { recursive: true })
  const file = join(FOLDER, `${name}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  console.log(['ours', ...lines(ours), 'peer', ...lines(peer), `ratio ${round(ratio)}`].join('\n'))
  for (const { what, wanted, got, held } of targets) {
    console.log(`${held ? 'held  ' : 'MISSED'}  ${what}: ${got} (wanted ${wanted})`)
  }
  console.log(`written to ${file}`)
}
