// Names of the outside world → raw values. Nothing is checked here.

/** Environment variable by configuration key; the file uses the keys themselves. */
export const ENV_NAMES = {
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
} as const

export const SECRET_NAMES = {
  keystore: 'DECLOUD_KEEPER_KEYSTORE',
  passwordFile: 'DECLOUD_KEEPER_PASSWORD_FILE',
  privateKey: 'DECLOUD_KEEPER_PRIVATE_KEY',
} as const

export type Environment = Readonly<Record<string, string | undefined>>

/** The variables that are set, by configuration key; lists are separated by commas. */
export const readEnv = (env: Environment): Record<string, unknown> => {
  const raw: Record<string, unknown> = {}
  for (const [key, name] of Object.entries(ENV_NAMES)) {
    const value = env[name]
    if (value !== undefined && value !== '') raw[key] = value
  }
  if (typeof raw['rpcUrls'] === 'string') raw['rpcUrls'] = raw['rpcUrls'].split(',').map((url) => url.trim())
  return raw
}
