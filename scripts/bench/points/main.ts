// compute points: five benchmarks of the same machine, how far they are apart, and single runs as the peer
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { POINT_BASELINE, pointUnitsOf } from '@decloud/protocol'
import { makeSysbench } from '../../../agent/src/benchmark/sysbench.ts'
import { benchmarkNode, discoverNode } from '../../../agent/src/measure.ts'
import { openFactsStore } from '../../../agent/src/state/node-facts-store.ts'
import { readFlags } from '../../lib/flags.ts'
import { atMost, report } from '../lib.ts'

const HELP = `usage: npm run bench -- points [--times 5]

Each is what \`decloud-node benchmark\` does: runs of a second until the two best agree. The peer is one run of sysbench,
taken between them: how far a machine's answers are apart that is asked once.`

const { whole } = readFlags(HELP, { times: { type: 'string', default: '5' } })
const times = whole('times', 1, 10_000)

const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => abort.abort(new Error('interrupted')))

/** The largest over the smallest, in percent above 100. */
const spread = (figures: readonly number[]): number => (Math.max(...figures) / Math.min(...figures) - 1) * 100

const folder = await mkdtemp(join(tmpdir(), 'decloud-points-'))
const store = openFactsStore(folder)
try {
  const { machine } = await discoverNode({ dataDir: folder }, store)
  if ('unknown' in machine.cpu.cores) throw new RangeError(machine.cpu.cores.unknown)
  const cores = machine.cpu.cores.value
  const sysbench = makeSysbench(POINT_BASELINE.primeLimit, 0)
  const [units, single]: [number[], number[]] = [[], []]
  for (let nth = 1; nth <= times; nth++) {
    const measured = await benchmarkNode({ dataDir: folder }, store, { signal: abort.signal })
    const pointUnits = pointUnitsOf(measured.eventsPerSecond, cores)
    units.push(pointUnits)
    const once = await sysbench.cpu(1, 0)
    // What sysbench itself prints: events in a second that passed.
    if ('value' in once) single.push(pointUnitsOf(once.value.eventsPerSecond * once.value.cpuShare, cores))
    console.error(
      `${nth}: ${pointUnits} units from ${measured.eventsPerSecond} events/s on ${cores} cores, ${measured.runs} runs, ${measured.steady ? 'steady' : 'unsteady'}`,
    )
  }
  report({
    name: 'points',
    ours: { pointUnits: units, spreadPercent: spread(units) },
    peer: { pointUnits: single, spreadPercent: spread(single) },
    ratio: spread(single) / Math.max(spread(units), 0.01),
    targets: [atMost('five benchmarks of one machine apart, %', 5, spread(units))],
  })
} finally {
  store.close()
  await rm(folder, { recursive: true, force: true })
}
