// What the keeper's configuration is called in the environment.
import { type Environment, type Field, makeEnvironmentName } from '@decloud/service/config'

export const SECRET_NAMES = {
  keystore: 'DECLOUD_KEEPER_KEYSTORE',
  passwordFile: 'DECLOUD_KEEPER_PASSWORD_FILE',
  privateKey: 'DECLOUD_KEEPER_PRIVATE_KEY',
} as const

export const CONFIG_NAME = 'DECLOUD_KEEPER_CONFIG'
const PREFIX = 'DECLOUD_KEEPER_'

export const environmentName = makeEnvironmentName(PREFIX, {
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
})

/** Every variable that means something to a keeper. */
export const knownVariables = (fields: readonly Field[]): readonly string[] => [
  ...fields.map((field) => field.env),
  ...Object.values(SECRET_NAMES),
  CONFIG_NAME,
]

/** Variables with our prefix that mean nothing. */
export const unknownIn = (env: Environment, known: readonly string[]): readonly string[] =>
  Object.keys(env).filter((name) => name.startsWith(PREFIX) && !known.includes(name))
