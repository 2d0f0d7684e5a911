// File, environment and secrets → what a keeper runs with, or everything that is wrong with them at once.
import type { KeySource } from '@decloud/chain'
import { FIELDS, type KeeperConfig, parseConfig, readConfigFile } from './config.ts'
import { CONFIG_NAME, type Environment, readEnv, SECRET_NAMES } from './env.ts'
import { type ConfigIssue, unknownVariable } from './issues.ts'
import { readSecrets } from './secrets.ts'

export type Loaded = {
  config: KeeperConfig
  key: KeySource | null
  /** Which file was read, if any. */
  file: string | null
  /** Where a key's value came from: a variable's name, the file's path, or `default`. */
  originOf(key: string): string
}

/**
 * @param options `file`: wins over the variable that names one.
 * @throws ConfigError naming every error of all sources.
 */
export const loadConfig = (options: { file?: string | undefined; env: Environment }): Loaded => {
  const { env } = options
  const found: ConfigIssue[] = []
  const file = options.file ?? (env[CONFIG_NAME] || null)
  const fromFile = file === null ? {} : readConfigFile(file, found)
  const { raw, keys, unknown } = readEnv(env, FIELDS)
  const known = [...FIELDS.map((field) => field.env), ...Object.values(SECRET_NAMES), CONFIG_NAME]
  for (const name of unknown) found.push(unknownVariable(name, known))
  const key = readSecrets(env, found)
  const config = parseConfig(merge(fromFile, raw), { found, fromEnvironment: keys })
  const inFile = new Set(FIELDS.filter(({ path }) => has(fromFile, path)).map((field) => field.key))
  const originOf = (at: string) => {
    if (keys.has(at)) return FIELDS.find((field) => field.key === at)!.env
    return inFile.has(at) && file !== null ? file : 'default'
  }
  return { config, key, file, originOf }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const merge = (under: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> => {
  const result = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = result[key]
    result[key] = isObject(below) && isObject(value) ? merge(below, value) : value
  }
  return result
}

const has = (value: unknown, path: readonly string[]): boolean =>
  path.length === 0 || (isObject(value) && path[0]! in value && has(value[path[0]!], path.slice(1)))
