// Raw → validated. What is here may be logged: secrets have a file of their own.
import { readFileSync } from 'node:fs'
import { deploymentSchema, parseUsdc } from '@decloud/protocol'
import { z } from 'zod'
import { AgentError } from '../lib/errors.ts'
import { ENV, type Environment, readEnv } from './env.ts'

const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .transform(Number)

const usdc = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,6})?$/, 'must be an amount of USDC, for example 0.05')
  .transform(parseUsdc)

const rpcUrls = z
  .string('is not set: give one or several JSON-RPC URLs, separated by commas')
  .transform((text) =>
    text
      .split(',')
      .map((url) => url.trim())
      .filter((url) => url !== ''),
  )
  .pipe(z.array(z.url({ protocol: /^https?$/, error: 'must hold http or https URLs' })).min(1))

/** `http(s)://…` for the API of a keeper, `/ip4/…` for its gossip. */
const keepers = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((address) => address.trim())
      .filter((address) => address !== ''),
  )
  .pipe(
    z.array(
      z
        .string()
        .regex(
          /^(https?:\/\/[^/]+\/?|\/(ip4|ip6|dns|dns4|dns6)\/.+)$/,
          'must hold URLs of keepers, and libp2p addresses like /ip4/203.0.113.7/tcp/8471/p2p/12D3Koo…',
        ),
    ),
  )

const gpus = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((address) => address.trim().toLowerCase())
      .filter((address) => address !== ''),
  )
  .pipe(
    z
      .array(
        z
          .string()
          .regex(
            /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/,
            'must hold PCI addresses like 0000:01:00.0',
          ),
      )
      .refine((all) => new Set(all).size === all.length, 'names a GPU twice'),
  )

const stunServers = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((server) => server.trim())
      .filter((server) => server !== ''),
  )
  .pipe(
    z
      .array(
        z.string().regex(/^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$/, 'must hold names like stun.example.org:3478'),
      )
      .max(4, 'takes at most 4'),
  )
  .transform((servers) =>
    servers.map((server) => {
      const [host = '', port = '3478'] = server.split(':')
      return { host, port: Number(port) }
    }),
  )
  .refine((servers) => servers.every(({ port }) => port > 0 && port <= 65_535), 'has a port above 65535')

const deployment = z
  .string('is not set: give the path of the deployment file')
  .transform((path, context): unknown => {
    try {
      return JSON.parse(readFileSync(path, 'utf8'))
    } catch (cause) {
      const why = cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
      context.addIssue({ code: 'custom', message: `${path} ${why}` })
      return z.NEVER
    }
  })
  .pipe(deploymentSchema)

const configSchema = z.object({
  rpcUrls,
  deployment,
  node: z
    .string("is not set: give this node's index in the registry")
    .pipe(wholeNumber)
    .refine((node) => node > 0 && node < 2 ** 32, 'must be a registry index, from 1'),
  dataDir: z.string().default('/var/lib/decloud'),
  /** Images built on this machine; several agents may share them. */
  imageDir: z.string().optional(),
  /** The operator's own sources and checksums; `<data folder>/catalogue.json`. */
  imageCatalogue: z.string().optional(),
  /** `auto`: libvirt; on a development chain without libvirt, simulated guests. */
  hypervisor: z.enum(['auto', 'libvirt', 'simulated']).default('auto'),
  acceleration: z.enum(['auto', 'kvm', 'tcg']).default('auto'),
  /** Whether guests of another processor architecture are emulated; on a development chain only. */
  foreignGuests: z.enum(['refuse', 'emulate']).optional(),
  libvirtUri: z.string().default('qemu:///system'),
  networkName: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,14}$/, 'must be 1–15 lower-case letters, digits and dashes')
    .default('decloud'),
  networkSubnet: z
    .string()
    .regex(/^\d{1,3}(\.\d{1,3}){3}\/(1[6-9]|2[0-9])$/, 'must be an IPv4 range from /16 to /29')
    .default('10.77.0.0/24'),
  /** On 127.0.0.1; 0 takes any free one. */
  apiPort: wholeNumber.refine((port) => port <= 65_535, 'must be at most 65535').default(7070),
  /** Who is to hear that this node is there, and whose mailboxes are asked for manifests; an agent needs none. */
  keepers: keepers.optional(),
  /** PCI addresses of the GPUs that guests may be given whole. */
  gpus: gpus.optional(),
  /** Whether requests that name no node are claimed for this one, once the scheduler has had its minute; on by default. */
  claims: z
    .enum(['on', 'off'])
    .transform((text) => text === 'on')
    .optional(),
  /** Between settlements of this node's leases at least; an hour by default. */
  settleEverySeconds: wholeNumber.refine((n) => n >= 60, 'must be at least 60').optional(),
  /** µUSDC that a lease has to have earned to be settled; 0.05 USDC by default. */
  minSettleUsdc: usdc.optional(),
  /** µUSDC that one coin of gas is taken to be worth; 1 USDC by default. */
  gasCoinUsdc: usdc.optional(),
  /** Gwei per gas that no transaction pays more than; 2,000 by default. */
  maxFeeGwei: wholeNumber.refine((n) => n >= 1 && n <= 1_000_000, 'must be from 1 to 1000000').optional(),
  /** Who is asked how others see this machine, over STUN; nobody by default. */
  stunServers: stunServers.optional(),
  /** Between benchmarks, in days; a week by default, 0 for never. */
  benchmarkDays: wholeNumber.refine((days) => days <= 365, 'must be at most 365').optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
})
export type AgentConfig = z.output<typeof configSchema>
export type ImageConfig = Pick<AgentConfig, 'dataDir' | 'imageDir' | 'imageCatalogue'>

/** The chain id of local development chains, whose money is play money. */
export const DEVELOPMENT_CHAIN = 31_337

/** The part that commands need which only talk to the chain. @throws AgentError `config-invalid`. */
export const loadChainConfig = (env: Environment): Pick<AgentConfig, 'rpcUrls' | 'deployment'> => {
  const parsed = configSchema.pick({ rpcUrls: true, deployment: true }).safeParse(readEnv(ENV, env))
  if (parsed.success) return parsed.data
  throw configError(parsed.error.issues.map((issue) => `${nameOf(issue.path)} ${issue.message}`))
}

/** What commands need that are about this node. @throws AgentError `config-invalid`. */
export const loadNodeConfig = (
  env: Environment,
): Pick<AgentConfig, 'rpcUrls' | 'deployment' | 'node' | 'dataDir'> => {
  const schema = configSchema.pick({ rpcUrls: true, deployment: true, node: true, dataDir: true })
  const parsed = schema.safeParse(readEnv(ENV, env))
  if (parsed.success) return parsed.data
  throw configError(parsed.error.issues.map((issue) => `${nameOf(issue.path)} ${issue.message}`))
}

/** @throws AgentError `config-invalid` that names every variable that is wrong, all at once. */
export const loadConfig = (env: Environment): AgentConfig => {
  const parsed = configSchema.safeParse(readEnv(ENV, env))
  if (!parsed.success) {
    throw configError(parsed.error.issues.map((issue) => `${nameOf(issue.path)} ${issue.message}`))
  }
  const { hypervisor, deployment, foreignGuests } = parsed.data
  if (hypervisor === 'simulated' && deployment.chainId !== DEVELOPMENT_CHAIN) {
    throw configError([
      `${ENV.hypervisor} cannot be simulated on chain ${deployment.chainId}: guests that do not exist would be billed`,
    ])
  }
  if (foreignGuests === 'emulate' && deployment.chainId !== DEVELOPMENT_CHAIN) {
    throw configError([
      `${ENV.foreignGuests} cannot be emulate on chain ${deployment.chainId}: a tenant would pay for a fraction of what he leased`,
    ])
  }
  return parsed.data
}

/** What commands need that find out about this machine: no chain, and a deployment only where there is one already. */
export type MachineConfig = Pick<
  AgentConfig,
  | 'dataDir'
  | 'imageDir'
  | 'imageCatalogue'
  | 'hypervisor'
  | 'acceleration'
  | 'libvirtUri'
  | 'gpus'
  | 'stunServers'
> & { readonly deployment?: AgentConfig['deployment'] | undefined }

/** @throws AgentError `config-invalid`. */
export const loadMachineConfig = (env: Environment): MachineConfig => {
  const parts = { dataDir: true, imageDir: true, imageCatalogue: true, hypervisor: true } as const
  const schema = configSchema
    .pick({ ...parts, acceleration: true, libvirtUri: true, gpus: true, stunServers: true, deployment: true })
    .partial({ deployment: true })
  const parsed = schema.safeParse(readEnv(ENV, env))
  if (parsed.success) return parsed.data
  throw configError(parsed.error.issues.map((issue) => `${nameOf(issue.path)} ${issue.message}`))
}

/** The part that is about images on this machine. @throws AgentError `config-invalid`. */
export const loadImageConfig = (env: Environment): ImageConfig => {
  const parts = { dataDir: true, imageDir: true, imageCatalogue: true } as const
  const parsed = configSchema.pick(parts).safeParse(readEnv(ENV, env))
  if (parsed.success) return parsed.data
  throw configError(parsed.error.issues.map((issue) => `${nameOf(issue.path)} ${issue.message}`))
}

export const configError = (problems: readonly string[]) =>
  new AgentError(
    'config-invalid',
    `The configuration is not valid:\n${problems.map((p) => `  ${p}`).join('\n')}`,
    {
      hint: 'See `decloud-node --help` for every variable.',
    },
  )

const nameOf = ([key, ...rest]: readonly PropertyKey[]): string => {
  const name = ENV[key as keyof typeof ENV] ?? String(key)
  return rest.length === 0 ? name : `${name} (${rest.join('.')})`
}
