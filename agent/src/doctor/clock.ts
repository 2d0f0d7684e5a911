// This machine's clock beside those of the RPCs, of the keepers, and of the blocks themselves.
import { type ClockReading, judgeClock, readingsOf } from '@decloud/service/doctor'
import { type Finding, fromShared, unknown } from './finding.ts'
import type { Subject } from './subject.ts'

const ANSWER_MS = 5_000

export const checkClock = async (subject: Subject): Promise<Finding[]> => {
  const { keepers = [] } = subject.config()
  const urls = keepers.filter((address) => address.startsWith('http'))
  const [{ sights }, asked] = await Promise.all([
    subject.rpcs(),
    Promise.all(urls.map((url) => clockOf(url, subject.signal))),
  ])
  const readings = [...readingsOf(sights), ...asked.filter((reading) => reading !== null)]
  if (readings.length === 0 && sights.length === 0)
    return [unknown('clock', 'clock-unknown', 'nobody who could be asked says what time it is')]
  const finding = fromShared(judgeClock(readings, sights))
  return [finding.code === 'clock-unknown' ? { ...finding, level: 'unknown' } : finding]
}

/** Any answer carries a time, a refusal too; null when there is none. */
const clockOf = async (url: string, signal: AbortSignal): Promise<ClockReading | null> => {
  const began = Date.now()
  const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)])
  const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: within }).catch(() => null)
  const date = response?.headers.get('date') ?? null
  // A header of 12:00:00 was true at some time until 12:00:01.
  return date === null
    ? null
    : { source: new URL(url).host, skewMs: Date.parse(date) + 500 - (began + Date.now()) / 2 }
}
