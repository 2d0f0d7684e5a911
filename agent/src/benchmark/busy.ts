// How busy the machine is, guests included: the kernel counts their time as its own.
import { readFile } from 'node:fs/promises'
import { pause } from '../lib/pause.ts'

const LOOK_MS = 2_000

export type CpuTimes = { readonly busy: number; readonly all: number }

/** The first line of `/proc/stat`, in ticks; null for anything else. Pure. */
export const cpuTimesOf = (text: string): CpuTimes | null => {
  const ticks = /^cpu\s+(\d[\d ]*)$/m.exec(text)?.[1]?.trim().split(/\s+/).map(Number)
  if (ticks === undefined || ticks.length < 4) return null
  // Guests' time (the ninth and tenth figures) is in the first two already.
  const all = ticks.slice(0, 8).reduce((sum, one) => sum + one, 0)
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0)
  return { busy: all - idle, all }
}

/**
 * @returns the part of all processors that was at work over two seconds, from 0 to 1; null when the kernel does not say.
 */
export const readBusy = async (signal: AbortSignal, path = '/proc/stat'): Promise<number | null> => {
  const read = () => readFile(path, 'utf8').then(cpuTimesOf, () => null) // unreadable: not known
  const before = await read()
  await pause(LOOK_MS, signal)
  const after = await read()
  if (before === null || after === null || after.all <= before.all) return null
  return (after.busy - before.busy) / (after.all - before.all)
}
