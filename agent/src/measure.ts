// What the machine is and can, found out and kept: part of the composition root, for the agent and its commands alike.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { POINT_BASELINE } from '@decloud/protocol'
import type { BenchmarkFacts, Known, NatClass, ProbeFacts } from '@decloud/protocol/wire/facts'
import { runBenchmark } from './benchmark/benchmark.ts'
import { measureDisk } from './benchmark/disk.ts'
import { makeSysbench } from './benchmark/sysbench.ts'
import type { MachineConfig } from './config/config.ts'
import { type Discovery, discover } from './discovery/discover.ts'
import { askKeepers } from './discovery/keepers.ts'
import { mapKnown, unknown, value } from './discovery/known.ts'
import { askStun, stunServerOf } from './discovery/stun.ts'
import { makeAskTool } from './discovery/tool.ts'
import type { CpuRun } from './domain/benchmark.ts'
import { AgentError } from './lib/errors.ts'
import { tryLock } from './lib/file-lock.ts'
import type { FactsStore } from './state/node-facts-store.ts'

export type MeasureConfig = Pick<MachineConfig, 'dataDir' | 'stunServers' | 'keepers'>

/** Finds out what the machine is; kept in `store`. */
export const discoverNode = async (config: MeasureConfig, store: FactsStore): Promise<Discovery> => {
  await mkdir(config.dataDir, { recursive: true, mode: 0o711 })
  const found = await discover({
    ask: makeAskTool(),
    dataDir: config.dataDir,
    seen: () => sightsOf(config),
    nowMs: Date.now,
  })
  store.machine.put(found.machine)
  return found
}

/** Of those whom the operator named, all at once. */
const sightsOf = async ({ stunServers = [], keepers = [] }: MeasureConfig) => {
  const urls = keepers.filter((address) => address.startsWith('http'))
  return (await Promise.all([askStun(stunServers.map(stunServerOf)), askKeepers(urls)])).flat()
}

/**
 * Finds out how fast it is; kept in `store`.
 * @param options.nice 10 gives way to guests; 0, as when a person asks, does not.
 * @throws AgentError `benchmark-busy` while another runs, `benchmark-impossible`.
 */
export const benchmarkNode = async (
  config: MeasureConfig,
  store: FactsStore,
  options: { signal: AbortSignal; least?: number; nice?: number; onRun?: (nth: number, run: CpuRun) => void },
): Promise<BenchmarkFacts> => {
  const machine = store.machine.newest() ?? (await discoverNode(config, store)).machine
  const unlock = tryLock(join(config.dataDir, 'benchmark.lock'))
  if (unlock === null) {
    throw new AgentError(
      'benchmark-busy',
      'Another benchmark runs on this machine: both would be too slow.',
      {
        hint: 'Wait a minute, then ask again.',
      },
    )
  }
  try {
    const { onRun, signal, least, nice = 0 } = options
    const deps = {
      sysbench: makeSysbench(POINT_BASELINE.primeLimit, nice),
      measureDisk: (stop: AbortSignal) => measureDisk(config.dataDir, stop),
      nowMs: Date.now,
      ...(onRun === undefined ? {} : { onRun }),
    }
    const measured = await runBenchmark(deps, machine.cpu, signal, least)
    store.benchmark.put(measured)
    return measured
  } finally {
    unlock()
  }
}

/** What a registration may take from this machine. Nothing in it is a guess: what is not known says why. */
export type Measured = {
  /** Unix seconds of the oldest part; null while nothing was measured. */
  readonly takenAt: number | null
  readonly cores: Known<number>
  readonly threads: Known<number>
  /** 12 to a point. */
  readonly pointUnits: Known<number>
  readonly memoryMiB: Known<number>
  readonly diskGiB: Known<number>
  /** PCI addresses of its display controllers; which of them guests are given is the operator's to say. */
  readonly gpus: Known<readonly string[]>
  readonly nat: Known<NatClass>
  readonly probe: ProbeFacts | null
}

export const measuredOf = (store: FactsStore): Measured => {
  const machine = store.machine.newest()
  const benchmark = store.benchmark.newest()
  const none = unknown('The machine was not looked at yet: run `decloud-node discover`.')
  const times = [machine?.takenAt, benchmark?.takenAt].filter((at) => at !== undefined)
  return {
    takenAt: times.length === 0 ? null : Math.min(...times),
    cores: machine?.cpu.cores ?? none,
    threads: machine?.cpu.threads ?? none,
    pointUnits:
      benchmark?.pointUnits ?? unknown('The machine was not measured yet: run `decloud-node benchmark`.'),
    memoryMiB: machine?.memoryMiB ?? none,
    diskGiB: machine?.dataGiB ?? none,
    gpus: mapKnown(machine?.gpus ?? none, (all) => value(all.map(({ address }) => address))),
    nat: machine?.nat ?? none,
    probe: store.probe.newest(),
  }
}
