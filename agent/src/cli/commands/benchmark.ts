import { UNITS_PER_POINT } from '@decloud/protocol'
import type { BenchmarkFacts } from '@decloud/protocol/wire/facts'
import { loadMachineConfig } from '../../config/config.ts'
import { LEAST_RUNS, MOST_RUNS } from '../../domain/benchmark.ts'
import { benchmarkNode } from '../../measure.ts'
import { openFactsStore } from '../../state/node-facts-store.ts'
import { EXIT, makeVerb, wholeNumber } from '../verb.ts'

export const benchmark = makeVerb({
  about: `Runs sysbench for a second at a time, at a low priority, until the two best runs agree within 1 %; then looks at
memory and disk. Registers nothing.`,
  options: {
    runs: {
      type: 'string',
      argument: 'N',
      about: `runs of the processor at least, ${LEAST_RUNS} to ${MOST_RUNS}; ${LEAST_RUNS}`,
    },
  },
  run: async (io, options) => {
    const least = wholeNumber('runs', options.runs ?? String(LEAST_RUNS), LEAST_RUNS, MOST_RUNS)
    const config = loadMachineConfig(io.env, io.given)
    const store = openFactsStore(config.dataDir)
    try {
      const measured = await benchmarkNode(config, store, {
        ...{ signal: io.signal, least },
        onRun: (nth, { eventsPerSecond, cpuShare }) =>
          io.say(
            `run ${nth}: ${eventsPerSecond.toFixed(0)} events/s, ${Math.round(cpuShare * 100)} % of a core`,
          ),
      })
      io.result(measured, textOf(measured))
      return measured.steady ? EXIT.done : EXIT.failed
    } finally {
      store.close()
    }
  },
})

const textOf = (measured: BenchmarkFacts): string => {
  const { pointUnits, eventsPerSecond, runs, steady } = measured
  const figure = (known: BenchmarkFacts['allThreads'], unit: string) =>
    'value' in known ? `${known.value} ${unit}` : `unknown (${known.unknown})`
  const points =
    'value' in pointUnits
      ? `${(pointUnits.value / Number(UNITS_PER_POINT)).toFixed(2)} compute points (${pointUnits.value} units)`
      : `compute points unknown: ${pointUnits.unknown}`
  return [
    points,
    `one core       ${eventsPerSecond} events/s, the best of ${runs}${steady ? '' : ': UNSTEADY, the machine is too busy to be measured; ask again when it is quiet'}`,
    `all threads    ${figure(measured.allThreads, 'events/s')}`,
    `memory         ${figure(measured.memoryMiBPerSecond, 'MiB/s')}`,
    `disk           ${figure(measured.diskMiBPerSecond, 'MiB/s')}, a small write is safe after ${figure(measured.diskSyncMs, 'ms')}`,
  ].join('\n')
}
