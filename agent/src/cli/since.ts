import { UsageError } from './verb.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `30m`, `2h`, `7d` before now, or a moment as `2026-11-21T16:00:00Z`. @returns Unix milliseconds. */
export const sinceOf = (text: string, nowMs: number): number => {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined && unit !== undefined) return nowMs - Number(count) * UNITS[unit]!
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(moment)) return moment
  throw new UsageError(`--since takes 90s, 30m, 2h, 7d or a date, not "${text}".`)
}
