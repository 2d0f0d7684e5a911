import type { Environment } from '@decloud/service/config'
import type { Loaded } from '../config/load.ts'

export type Option = { type: 'string' | 'boolean'; about: string; argument?: string }

type VerbContext = {
  values: Readonly<Record<string, string | boolean | undefined>>
  /** What stands after the verb, options aside. */
  words: readonly string[]
  env: Environment
  json: boolean
  /** Reads file, environment and secrets; from here on nothing secret gets out. @throws ConfigError. */
  load(): Loaded
  /** To stdout: an object as one line of JSON under --json, else the text. */
  say(text: string, json: unknown): void
}

/** One word of the command line. `run` resolves to the exit code; see EXIT. */
export type Verb = {
  /** More than the summary, for its own --help. */
  about?: string
  words?: string
  options?: Readonly<Record<string, Option>>
  run(context: VerbContext): Promise<number>
}

export const EXIT = { done: 0, failed: 1, person: 2 } as const

export const textOption = (value: string | boolean | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined
