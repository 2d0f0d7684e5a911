// This machine's clock beside those of others, who need not agree.
import { type Finding, fault, note, ok } from './finding.ts'
import type { Sight } from './rpc-sight.ts'
import { headAgeOf } from './rpcs.ts'

const MOST_SKEW_MS = 10_000
const SYNC = 'Synchronise it: timedatectl set-ntp true.'

/** `skewMs`: that clock less ours. */
export type ClockReading = { readonly source: string; readonly skewMs: number }

export const readingsOf = (sights: readonly Sight[]): ClockReading[] =>
  sights.flatMap(({ host, skewMs }) => (skewMs === null ? [] : [{ source: host, skewMs }]))

const seconds = (ms: number) => Math.round(Math.abs(ms) / 1_000)
const isOff = ({ skewMs }: ClockReading) => Math.abs(skewMs) > MOST_SKEW_MS

/**
 * Off when most of the others say so. One that stands alone is named, and proves nothing.
 * @param sights of RPCs: blocks are never from the future for long, whatever any header says.
 */
export const judgeClock = (readings: readonly ClockReading[], sights: readonly Sight[]): Finding => {
  const sorted = readings.toSorted((a, b) => a.skewMs - b.skewMs)
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  const off = readings.filter(isOff)
  if (middle !== undefined && off.length * 2 > readings.length) {
    const skewMs = isOff(middle) ? middle.skewMs : off[0]!.skewMs
    const way = skewMs > 0 ? 'behind' : 'ahead of'
    const what = `${seconds(skewMs)} s ${way} the clocks of ${off.map(({ source }) => source).join(', ')}`
    return fault('clock', 'clock-off', what, SYNC)
  }
  const ahead = Math.max(...sights.map((sight) => -headAgeOf({ ...sight, skewMs: 0 })))
  if (ahead > MOST_SKEW_MS)
    return fault('clock', 'clock-off', `${seconds(ahead)} s behind the newest block`, SYNC)
  const odd = off[0]
  if (odd !== undefined) {
    const what = `${odd.source} is ${seconds(odd.skewMs)} s ${odd.skewMs > 0 ? 'ahead' : 'behind'}; the others agree with this machine`
    return note('clock', 'clock-doubted', what, 'Ask whoever runs that one.')
  }
  return middle === undefined
    ? note('clock', 'clock-unknown', 'nobody who was asked says what time it is')
    : ok('clock', `within ${Math.ceil(Math.abs(middle.skewMs) / 1_000)} s of ${readings.length} others`)
}
