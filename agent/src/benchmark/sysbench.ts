// sysbench, as it is called and as it is read.
import type { Known } from '@decloud/protocol/wire/facts'
import { mapKnown, unknown, value } from '../discovery/known.ts'
import { type AskTool, makeAskTool } from '../discovery/tool.ts'
import type { CpuRun } from '../domain/benchmark.ts'

/** A run takes a second; on a machine where everything waits, a while more. */
const DEADLINE_MS = 20_000
// The shell's `time` tells what sysbench used of the processor, to the millisecond; nothing of ours stands in the text.
const CPU_SCRIPT = `TIMEFORMAT='cpu %3U %3S'
{ time nice -n "$1" sysbench cpu --cpu-max-prime="$2" --time="$3" --events="$4" --threads="$5" run; } 2>&1`
const MEMORY_SCRIPT =
  'nice -n "$1" sysbench memory --memory-block-size=1M --memory-total-size=100T --time=1 run'

export type Sysbench = {
  /** Why it cannot be used, or its version. */
  version(): Promise<Known<string>>
  /** What it uses of the processor before it begins to count, in seconds. */
  overhead(): Promise<Known<number>>
  /** One second. */
  cpu(threads: number, overhead: number): Promise<Known<CpuRun>>
  /** MiB a second, of one thread. */
  memory(): Promise<Known<number>>
}

/** @param nice 0 as any other program, 19 after all of them. */
export const makeSysbench = (
  primeLimit: number,
  nice: number,
  ask: AskTool = makeAskTool(undefined, DEADLINE_MS),
): Sysbench => {
  const run = (seconds: number, events: number, threads: number) =>
    ask('bash', ['-c', CPU_SCRIPT, 'bash', ...[nice, primeLimit, seconds, events, threads].map(String)])
  return {
    version: async () => mapKnown(await ask('sysbench', ['--version']), versionOf),
    overhead: async () =>
      mapKnown(await run(0, 1, 1), (text) => {
        const used = cpuSecondsOf(text)
        return used === null ? unknown('The shell did not say how much time sysbench had.') : value(used)
      }),
    cpu: async (threads, overhead) =>
      mapKnown(await run(1, 0, threads), (text) => cpuRunOf(text, threads, overhead)),
    memory: async () =>
      mapKnown(await ask('bash', ['-c', MEMORY_SCRIPT, 'bash', String(nice)]), memorySpeedOf),
  }
}

/** Before 1.0 an event was another piece of work. Pure. */
export const versionOf = (printed: string): Known<string> => {
  const version = /^sysbench (\d+)\.(\d+\S*)/.exec(printed)
  if (version === null) return unknown('sysbench does not say which version it is.')
  return version[1] === '1'
    ? value(`${version[1]}.${version[2]}`)
    : unknown(
        `sysbench ${version[1]}.${version[2]} counts otherwise than 1.x: install sysbench 1.0 or newer.`,
      )
}

/**
 * A core's second is one that sysbench had, not one that passed: others on the machine take the latter from it, and say
 * nothing about how fast the core is.
 * @param printed by sysbench, and in the last line by the shell's `time`.
 * @param overhead seconds of the processor that went before the first event.
 */
export const cpuRunOf = (printed: string, threads: number, overhead: number): Known<CpuRun> => {
  const events = Number(/^\s*total number of events:\s+(\d+)$/m.exec(printed)?.[1])
  const passed = Number(/^\s*total time:\s+(\d+(?:\.\d+)?)s$/m.exec(printed)?.[1])
  const used = cpuSecondsOf(printed)
  if (!(events > 0) || !(passed > 0)) return unknown('sysbench did not say how many events it did.')
  if (used === null) return unknown('The shell did not say how much time sysbench had.')
  const counted = used - overhead
  if (!(counted > 0)) return unknown('sysbench had no time that could be measured.')
  return value({ eventsPerSecond: events / counted, cpuShare: counted / (passed * threads) })
}

const cpuSecondsOf = (printed: string): number | null => {
  const [, user, system] = /^cpu (\d+\.\d{3}) (\d+\.\d{3})$/m.exec(printed) ?? []
  return user === undefined || system === undefined ? null : Number(user) + Number(system)
}

/** Pure. */
export const memorySpeedOf = (printed: string): Known<number> => {
  const speed = Number(/\((\d+(?:\.\d+)?) MiB\/sec\)/.exec(printed)?.[1])
  return speed > 0 ? value(speed) : unknown('sysbench did not say how fast the memory is.')
}
