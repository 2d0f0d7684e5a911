// One line of the log, for people and for filters. Pure.

const LEVELS: Readonly<Record<string, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
}
export const LEVEL_NAMES: readonly string[] = Object.keys(LEVELS)
const NAME_OF = new Map(Object.entries(LEVELS).map(([name, level]) => [level, name]))
/** Of every line, and of no interest in any. */
const PLAIN: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err'])
const LEASE_DIGITS = 10
const MOST_FIELD = 200

type Fields = Readonly<Record<string, unknown>>

export type LineFilter = {
  /** Unix milliseconds. */
  readonly sinceMs?: number
  /** A name from LEVEL_NAMES; less than it is left out. */
  readonly level?: string
}

const fieldsOf = (line: string): Fields | null => {
  try {
    const parsed: unknown = JSON.parse(line)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Fields) : null
  } catch {
    return null // a line of the runtime's own, or of a program that it has started
  }
}

/** A line that is no JSON has neither level nor time: it passes, it may be the reason why the agent is gone. */
export const passes = (line: string, { sinceMs, level }: LineFilter): boolean => {
  const fields = fieldsOf(line)
  if (fields === null) return line.trim() !== ''
  const { level: itsLevel, time } = fields
  if (level !== undefined && typeof itsLevel === 'number' && itsLevel < (LEVELS[level] ?? 0)) return false
  return sinceMs === undefined || typeof time !== 'number' || time >= sinceMs
}

/** `2026-11-21 16:00:00.123 WARN  step failed  lease=0x12345678… step=Start code=…` */
export const pretty = (line: string): string => {
  const fields = fieldsOf(line)
  if (fields === null) return line
  const { level, time, msg, err } = fields
  const at =
    typeof time === 'number' ? new Date(time).toISOString().replace('T', ' ').slice(0, 23) : '-'.repeat(23)
  const name = (NAME_OF.get(Number(level)) ?? String(level)).toUpperCase().padEnd(5)
  const rest = Object.entries(fields)
    .filter(([key, value]) => !PLAIN.has(key) && value !== null)
    .map(([key, value]) => (key === 'leaseId' ? `lease=${short(String(value))}` : `${key}=${textOf(value)}`))
  const why =
    typeof err === 'object' && err !== null && 'message' in err ? [`error=${textOf(err.message)}`] : []
  return [at, name, typeof msg === 'string' ? msg : '', ...rest, ...why].join(' ').trimEnd()
}

const short = (leaseId: string) =>
  leaseId.length <= LEASE_DIGITS ? leaseId : `${leaseId.slice(0, LEASE_DIGITS)}…`

const textOf = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const flat = text.replace(/\s+/g, ' ')
  const cut = flat.length > MOST_FIELD ? `${flat.slice(0, MOST_FIELD)}…` : flat
  return /[\s="]/.test(cut) ? JSON.stringify(cut) : cut
}
