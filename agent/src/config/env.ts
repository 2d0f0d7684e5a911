// Names of environment variables → raw text. Nothing is judged here.
export const ENV = {
  rpcUrls: 'DECLOUD_RPC_URLS',
  deployment: 'DECLOUD_DEPLOYMENT',
  node: 'DECLOUD_NODE',
  dataDir: 'DECLOUD_DATA_DIR',
  imageDir: 'DECLOUD_IMAGE_DIR',
  imageCatalogue: 'DECLOUD_IMAGE_CATALOGUE',
  hypervisor: 'DECLOUD_HYPERVISOR',
  acceleration: 'DECLOUD_ACCELERATION',
  foreignGuests: 'DECLOUD_FOREIGN_GUESTS',
  libvirtUri: 'DECLOUD_LIBVIRT_URI',
  networkName: 'DECLOUD_NETWORK',
  networkSubnet: 'DECLOUD_SUBNET',
  apiPort: 'DECLOUD_API_PORT',
  keepers: 'DECLOUD_KEEPERS',
  gpus: 'DECLOUD_GPUS',
  claims: 'DECLOUD_CLAIMS',
  settleEverySeconds: 'DECLOUD_SETTLE_EVERY',
  minSettleUsdc: 'DECLOUD_MIN_SETTLE',
  gasCoinUsdc: 'DECLOUD_GAS_COIN_USDC',
  maxFeeGwei: 'DECLOUD_MAX_FEE_GWEI',
  stunServers: 'DECLOUD_STUN_SERVERS',
  benchmarkDays: 'DECLOUD_BENCHMARK_DAYS',
  logLevel: 'DECLOUD_LOG_LEVEL',
} as const

export const SECRET_ENV = {
  agentKeystore: 'DECLOUD_AGENT_KEYSTORE',
  agentPasswordFile: 'DECLOUD_AGENT_PASSWORD_FILE',
  agentKey: 'DECLOUD_AGENT_KEY',
  sealingKeys: 'DECLOUD_SEALING_KEYS',
} as const

export type Environment = Readonly<Record<string, string | undefined>>
export type Raw<names extends Record<string, string>> = { readonly [name in keyof names]: string | undefined }

/** An empty variable counts as one that is not set. */
export const readEnv = <names extends Record<string, string>>(names: names, env: Environment): Raw<names> =>
  // Same keys by construction: Object.entries forgets them.
  Object.fromEntries(Object.entries(names).map(([key, name]) => [key, env[name] || undefined])) as Raw<names>
