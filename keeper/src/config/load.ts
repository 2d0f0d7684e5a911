// File, environment and secrets → what a keeper runs with, or everything that is wrong with them at once.
import type { KeySource } from '@decloud/chain'
import {
  type ConfigIssue,
  type Environment,
  has,
  merge,
  readConfigFile,
  readTexts,
  unknownVariable,
} from '@decloud/service/config'
import { FIELDS, type KeeperConfig, parseConfig } from './config.ts'
import { CONFIG_NAME, knownVariables, unknownIn } from './env.ts'
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
  const { raw, keys } = readTexts(FIELDS, (field) => env[field.env])
  const known = knownVariables(FIELDS)
  for (const name of unknownIn(env, known)) found.push(unknownVariable(name, known))
  const key = readSecrets(env, found)
  const config = parseConfig(merge(fromFile, raw), { found, fromEnvironment: keys })
  const inFile = new Set(FIELDS.filter(({ path }) => has(fromFile, path)).map((field) => field.key))
  const originOf = (at: string) => {
    if (keys.has(at)) return FIELDS.find((field) => field.key === at)!.env
    return inFile.has(at) && file !== null ? file : 'default'
  }
  return { config, key, file, originOf }
}
