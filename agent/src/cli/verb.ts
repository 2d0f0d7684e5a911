// What a verb of `decloud-node` is: one file that says how it is called, and does it.
import { parseUsdc } from '@decloud/protocol'
import { withoutKeys } from '@decloud/service/config'
import type { Given } from '../config/config.ts'
import { AgentError } from '../lib/errors.ts'

type Option = {
  readonly type: 'string' | 'boolean'
  /** What stands for the value in the help: FILE, USDC, a number's unit. */
  readonly argument?: string
  readonly about: string
}
export type Options = Readonly<Record<string, Option>>
type ValueOf<type> = type extends 'boolean' ? boolean : string | undefined
export type Values<options extends Options> = {
  readonly [name in keyof options]: ValueOf<options[name]['type']>
}

export type Io = {
  /** What the line says of the configuration: goes to the loaders of config/ with `env`. */
  readonly given: Given
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether the result is one line of JSON. */
  readonly json: boolean
  /** What stands after the verb, options aside; only of a verb that has `words`. */
  readonly words: readonly string[]
  /** One line to a person, on stderr. */
  say(line: string): void
  /** The result, on stdout: a line of JSON with `--json`, else text. */
  result(value: Readonly<Record<string, unknown>>, text: string): void
  /** One line on stdout as it is, of a result that has no end. */
  line(text: string): void
  /** Aborts on SIGINT and SIGTERM; a second signal ends the process at once. */
  readonly signal: AbortSignal
}

type Said = {
  /** How its positional words look, in its help; without it there are none. */
  readonly words?: string
  /** More than the summary of the table, for its own help. */
  readonly about?: string
  readonly examples?: readonly string[]
  /** Whether a signal may end it where it stands: then it need not look at `signal`, and leaves nothing behind. */
  readonly brief?: boolean
}

/** `run` resolves to the exit code, see EXIT; what it throws becomes a sentence and a code. */
export type Verb = Said & { readonly options: Options; run(io: Io, values: Values<Options>): Promise<number> }

export const makeVerb = <const options extends Options>(
  verb: Said & { readonly options: options; run(io: Io, values: Values<options>): Promise<number> },
): Verb => verb

export const EXIT = { done: 0, failed: 1, person: 2 } as const

export class UsageError extends AgentError {
  constructor(message: string, hint = 'See --help.') {
    // It repeats what was typed.
    super('usage', withoutKeys(message), { hint })
  }
}

/** Reads a whole number from an option. @throws UsageError. */
export const wholeNumber = (name: string, text: string, least: number, most: number): number => {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`--${name} takes a whole number from ${least} to ${most}, not "${text}".`)
}

/** Reads an amount from an option. @returns µUSDC. @throws UsageError. */
export const usdcAmount = (name: string, text: string): bigint => {
  try {
    return parseUsdc(text)
  } catch {
    // Thrown for nothing but its form.
    throw new UsageError(
      `--${name} takes an amount of USDC, not "${text}".`,
      'Write digits with at most six decimals, for example 2.5.',
    )
  }
}
