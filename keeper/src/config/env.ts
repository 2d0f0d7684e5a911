// Names of the outside world → raw values. Nothing is checked here but the names themselves.
import type { Field } from './shape.ts'

/** Names that were there before names were derived: environment variable by configuration key. */
const ENV_NAMES: Readonly<Record<string, string>> = {
  rpcUrls: 'DECLOUD_RPC_URLS',
  deployment: 'DECLOUD_DEPLOYMENT',
  dataDir: 'DECLOUD_KEEPER_DATA',
  host: 'DECLOUD_KEEPER_HOST',
  port: 'DECLOUD_KEEPER_PORT',
  settleEverySeconds: 'DECLOUD_KEEPER_SETTLE_EVERY',
  minSettleUsdc: 'DECLOUD_KEEPER_MIN_SETTLE',
  batchSize: 'DECLOUD_KEEPER_BATCH_SIZE',
  auditEverySeconds: 'DECLOUD_KEEPER_AUDIT_EVERY',
  logLevel: 'DECLOUD_LOG_LEVEL',
}

export const SECRET_NAMES = {
  keystore: 'DECLOUD_KEEPER_KEYSTORE',
  passwordFile: 'DECLOUD_KEEPER_PASSWORD_FILE',
  privateKey: 'DECLOUD_KEEPER_PRIVATE_KEY',
} as const

export const CONFIG_NAME = 'DECLOUD_KEEPER_CONFIG'
const PREFIX = 'DECLOUD_KEEPER_'

export type Environment = Readonly<Record<string, string | undefined>>

const screaming = (key: string) => key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()

/** `sponsor.perAddressCount` → `DECLOUD_KEEPER_SPONSOR_PER_ADDRESS_COUNT`. */
export const environmentName = (path: readonly string[]): string =>
  ENV_NAMES[path.join('.')] ?? `${PREFIX}${path.map(screaming).join('_')}`

const decode = ({ decode }: Field, text: string): unknown => {
  if (decode === 'list') return text.split(',').map((one) => one.trim())
  // What is not of its kind stays text: the schema says so, with the name and the rest of the errors.
  if (decode === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
  if (decode === 'flag') return text === 'true' ? true : text === 'false' ? false : text
  if (decode === 'json') return jsonOf(text)
  return text
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export type EnvironmentRead = {
  /** Nested as in a file. */
  raw: Record<string, unknown>
  /** Keys that a variable gave. */
  keys: ReadonlySet<string>
  /** Variables with our prefix that mean nothing. */
  unknown: readonly string[]
}

/** The variables that are set and not empty. */
export const readEnv = (env: Environment, fields: readonly Field[]): EnvironmentRead => {
  const raw: Record<string, unknown> = {}
  const keys = new Set<string>()
  for (const field of fields) {
    const text = env[field.env]
    if (text === undefined || text === '') continue
    keys.add(field.key)
    put(raw, field.path, decode(field, text))
  }
  const known = new Set<string>([
    ...fields.map((field) => field.env),
    ...Object.values(SECRET_NAMES),
    CONFIG_NAME,
  ])
  const unknown = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !known.has(name))
  return { raw, keys, unknown }
}

const put = (into: Record<string, unknown>, [first, ...rest]: readonly string[], value: unknown) => {
  if (first === undefined) return
  if (rest.length === 0) {
    into[first] = value
    return
  }
  const inner: Record<string, unknown> = {}
  into[first] ??= inner
  // Only this function made it, as an object.
  put(into[first] as Record<string, unknown>, rest, value)
}
