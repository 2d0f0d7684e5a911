import { DecloudError } from '@decloud/protocol'
import { AgentError } from '../lib/errors.ts'

export type Io = {
  readonly env: Readonly<Record<string, string | undefined>>
  /** One line to a person, on stderr. */
  say(line: string): void
  /** The result, on stdout: a line of JSON with `--json`, else text. */
  result(value: Readonly<Record<string, unknown>>, text: string): void
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal
}

/** @returns the exit code. */
export type Command = (args: string[], io: Io) => Promise<number>

export class UsageError extends AgentError {
  constructor(message: string) {
    super('usage', message, { hint: 'See `decloud-node --help`.' })
  }
}

/** What a person has to change before the same command can work. */
const SETUP: ReadonlySet<string> = new Set([
  'usage',
  'config-invalid',
  'port-taken',
  'data-dir-in-use',
  'data-dir-unusable',
])

export const exitCodeOf = (error: unknown): number =>
  error instanceof DecloudError && SETUP.has(error.code) ? 2 : 1

export const toJson = (value: unknown): string =>
  // Amounts are bigint: as JSON numbers they would lose units.
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part))
