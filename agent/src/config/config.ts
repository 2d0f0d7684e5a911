// Flags over environment over file → a configuration that is complete and checked, or everything that is wrong with it.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  ConfigError,
  type ConfigIssue,
  type Environment,
  has,
  issuesOf,
  merge,
  nearest,
  readConfigFile,
  readJson,
  readTexts,
  unknownVariable,
} from '@decloud/service/config'
import { reserveBytesOf } from '../domain/disk-space.ts'
import { rulesBroken } from './rules.ts'
import { type AgentConfig, configSchema, DEVELOPMENT_CHAIN, FIELDS, flagOf } from './schema.ts'

export { type AgentConfig, DEFAULT_MAX_FEE_GWEI, DEVELOPMENT_CHAIN, FIELDS, flagOf } from './schema.ts'
export type ImageConfig = Pick<AgentConfig, 'dataDir' | 'imageDir' | 'imageCatalogue'>

/** Bytes that are to stay free under the disks of guests. */
export const diskReserveOf = ({
  diskReserveGib,
  deployment,
}: Pick<AgentConfig, 'diskReserveGib' | 'deployment'>): number =>
  reserveBytesOf(diskReserveGib, deployment.chainId === DEVELOPMENT_CHAIN)

export const CONFIG_NAME = 'DECLOUD_NODE_CONFIG'
const DEFAULT_FILE = '/etc/decloud-node/node.json'
/** Variables that mean something here and are no key: they hold a key itself, or name the file. */
const OTHERS = ['DECLOUD_AGENT_KEY', 'DECLOUD_OPERATOR_KEY', CONFIG_NAME]

/** What a command line says of the configuration. */
export type Given = {
  /** `--config` */
  readonly file?: string | undefined
  /** Flag, without dashes → text. */
  readonly flags?: Readonly<Record<string, string | undefined>>
  /** Whether the file that is named is about to be made, and may be missing. */
  readonly making?: boolean
}

export type Loaded<config> = {
  readonly config: config
  /** Which file was read, if any. */
  readonly file: string | null
  /** Where a key's value came from: a flag, a variable's name, the file's path, or `default`. */
  originOf(key: string): string
}

/** What the flags say, as a file would hold it; paths from the root. */
export const settingsOf = ({ flags }: Given): Record<string, unknown> => {
  const { raw } = readTexts(FIELDS, ({ key, wants }) => {
    const text = flags?.[flagOf(key)]
    return text !== undefined && text !== '' && PATHS.has(wants) ? resolve(text) : text
  })
  return raw
}
const PATHS: ReadonlySet<string> = new Set(['a path', 'the path of a deployment file'])

/** What must be given by somebody. */
type Needed = 'rpcUrls' | 'deployment' | 'node'
type Without<need extends Needed> = Omit<AgentConfig, Exclude<Needed, need>> &
  Partial<Pick<AgentConfig, Exclude<Needed, need>>>

/** The file that is read, or written: named by a flag, by the environment, or the usual one. */
export const configFileOf = (env: Environment, given: Given = {}): string =>
  given.file || env[CONFIG_NAME] || DEFAULT_FILE

/**
 * @param needs the keys that must be there for what is going to be done; the others are checked where they are given.
 * @throws ConfigError `config-invalid` naming every error of all sources.
 */
export const load = <const need extends Needed>(
  env: Environment,
  given: Given,
  needs: readonly need[],
): Loaded<Without<need>> => {
  const issues: ConfigIssue[] = []
  const named = configFileOf(env, given)
  const demanded = named !== DEFAULT_FILE && given.making !== true
  const file = demanded || existsSync(named) ? named : null
  const fromFile = file === null ? {} : readConfigFile(file, issues)
  const fromEnv = readTexts(FIELDS, (field) => env[field.env])
  const fromFlags = readTexts(FIELDS, (field) => given.flags?.[flagOf(field.key)])
  issues.push(...misspelt(env))
  const raw = merge(merge(fromFile, fromEnv.raw), fromFlags.raw)
  const config = judge(raw, new Set(needs), fromEnv.keys, issues)
  const originOf = (key: string) => {
    const field = FIELDS.find((one) => one.key === key)!
    if (fromFlags.keys.has(key)) return `--${flagOf(key)}`
    if (fromEnv.keys.has(key)) return field.env
    return file !== null && has(fromFile, field.path) ? file : 'default'
  }
  // Without the keys that `needs` leaves out the schema's output is exactly this.
  return { config: config as Without<need>, file, originOf }
}

/** The schema, with those of the needed keys left open that nobody needs now. */
const schemaFor = (needs: ReadonlySet<string>) => {
  const { rpcUrls, deployment, node } = configSchema.shape
  return configSchema.extend({
    rpcUrls: needs.has('rpcUrls') ? rpcUrls : rpcUrls.optional(),
    deployment: needs.has('deployment') ? deployment : deployment.optional(),
    node: needs.has('node') ? node : node.optional(),
  })
}

const judge = (
  given: Record<string, unknown>,
  needs: ReadonlySet<string>,
  fromEnvironment: ReadonlySet<string>,
  issues: ConfigIssue[],
): unknown => {
  const before = issues.length
  const deployment = given['deployment']
  const raw = {
    ...given,
    ...(typeof deployment === 'string' ? { deployment: readJson(deployment, 'deployment', issues) } : {}),
  }
  const unreadable = issues.length > before
  const parsed = schemaFor(needs).safeParse(raw)
  if (!parsed.success) {
    for (const issue of issuesOf(parsed.error.issues, raw, { fields: FIELDS, fromEnvironment })) {
      // A deployment file that could not be read has been named already.
      if (issue.at !== 'deployment' || !unreadable) issues.push(issue)
    }
  }
  issues.push(...rulesBroken(raw))
  if (!parsed.success || issues.length > 0) throw new ConfigError(issues)
  return parsed.data
}

/** Variables that look like ours and mean nothing. Other programs of DeCloud have variables too: only near ones count. */
const misspelt = (env: Environment): ConfigIssue[] => {
  const known = [...FIELDS.map((field) => field.env), ...OTHERS]
  return Object.keys(env)
    .filter((name) => /^DECLOUD_(?!KEEPER_)/.test(name) && !known.includes(name))
    .filter((name) => nearest(name, known, MOST_EDITS) !== undefined)
    .map((name) => unknownVariable(name, known))
}
const MOST_EDITS = 2

/** @throws ConfigError `config-invalid` that names everything that is wrong, all at once. */
export const loadConfig = (env: Environment, given: Given = {}): AgentConfig =>
  load(env, given, ['rpcUrls', 'deployment', 'node']).config

/** The part that commands need which only talk to the chain. @throws ConfigError. */
export const loadChainConfig = (env: Environment, given: Given = {}): Without<'rpcUrls' | 'deployment'> =>
  load(env, given, ['rpcUrls', 'deployment']).config

/** What is found out about this machine needs no chain, and a deployment only where there is one already. */
export type MachineConfig = Without<never>

/** @throws ConfigError. */
export const loadMachineConfig = (env: Environment, given: Given = {}): MachineConfig =>
  load(env, given, []).config

/** The part that is about this machine alone. @throws ConfigError. */
export const loadImageConfig = (env: Environment, given: Given = {}): ImageConfig =>
  load(env, given, []).config
