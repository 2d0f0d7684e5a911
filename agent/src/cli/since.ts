import { UsageError } from './verb.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `30m`, `2h`, `7d` before now, or a moment as `2026-11-21T16:00:00Z`. @returns Unix milliseconds. */
export const sinceOf = (text: string, nowMs: number): number => {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined && unit !== undefined) return nowMs - Number(count) * UNITS[unit]!
  const at = momentOf(text)
  if (at !== null) return at
  throw new UsageError(
    `--since takes 90s, 30m, 2h, 7d or a moment, not "${text}".`,
    'For example 2026-11-21 or 2026-11-21T16:00Z.',
  )
}

/** A UTC day, or a moment that says its zone. @returns Unix milliseconds; null for a day that no calendar has too. */
export const momentOf = (text: string): number | null => {
  const [, day] =
    /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.exec(text) ?? []
  const ms = day === undefined ? Number.NaN : Date.parse(text)
  // Date takes the 31st of February for the 3rd of March.
  const isDay = day !== undefined && new Date(day).toJSON()?.startsWith(day)
  return Number.isNaN(ms) || !isDay ? null : ms
}
