// sysbench, as it is called and as it is read. It gives way to everything else on the machine: guests pay, it does not.
import type { Known } from '@decloud/protocol/wire/facts'
import { mapKnown, unknown, value } from '../discovery/known.ts'
import { type AskTool, makeAskTool } from '../discovery/tool.ts'
import type { CpuRun } from '../domain/benchmark.ts'

/** A run takes a second. */
const DEADLINE_MS = 20_000
/** Politer than any guest, and still not last: at 19 one would measure the others' patience. */
const NICE = 10
// What the shell's children used is the only way to learn how much of a core a run had. The arguments are no part of it.
const CPU_SCRIPT = `nice -n ${NICE} sysbench cpu --cpu-max-prime="$1" --time=1 --threads="$2" run && times`
const MEMORY_SCRIPT = `nice -n ${NICE} sysbench memory --memory-block-size=1M --memory-total-size=100T --time=1 run`

export type Sysbench = {
  /** Why it cannot be used, or its version. */
  version(): Promise<Known<string>>
  /** One second. */
  cpu(threads: number): Promise<Known<CpuRun>>
  /** MiB a second, of one thread. */
  memory(): Promise<Known<number>>
}

export const makeSysbench = (
  primeLimit: number,
  ask: AskTool = makeAskTool(undefined, DEADLINE_MS),
): Sysbench => ({
  version: async () => mapKnown(await ask('sysbench', ['--version']), versionOf),
  cpu: async (threads) =>
    mapKnown(await ask('sh', ['-c', CPU_SCRIPT, 'sh', String(primeLimit), String(threads)]), (text) =>
      cpuRunOf(text, threads),
    ),
  memory: async () => mapKnown(await ask('sh', ['-c', MEMORY_SCRIPT]), memorySpeedOf),
})

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

/** Of the sysbench run, then the two lines of the shell's `times`: its own, and its children's. Pure. */
export const cpuRunOf = (printed: string, threads: number): Known<CpuRun> => {
  const speed = Number(/^\s*events per second:\s+(\d+(?:\.\d+)?)$/m.exec(printed)?.[1])
  const seconds = Number(/^\s*total time:\s+(\d+(?:\.\d+)?)s$/m.exec(printed)?.[1])
  const [user, system] = printed.trimEnd().split('\n').at(-1)?.split(' ').map(secondsOf) ?? []
  if (!(speed > 0) || !(seconds > 0)) return unknown('sysbench did not say how many events a second it did.')
  if (user == null || system == null) return unknown('The shell did not say how much time sysbench had.')
  return value({ eventsPerSecond: speed, cpuShare: (user + system) / (seconds * threads) })
}

/** `1m2.340000s` */
const secondsOf = (text: string): number | null => {
  const [, minutes, seconds] = /^(\d+)m(\d+(?:\.\d+)?)s$/.exec(text) ?? []
  return minutes === undefined || seconds === undefined ? null : Number(minutes) * 60 + Number(seconds)
}

/** Pure. */
export const memorySpeedOf = (printed: string): Known<number> => {
  const speed = Number(/\((\d+(?:\.\d+)?) MiB\/sec\)/.exec(printed)?.[1])
  return speed > 0 ? value(speed) : unknown('sysbench did not say how fast the memory is.')
}
