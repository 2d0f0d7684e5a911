// Every key of the configuration: what it takes and what it is for. Nothing in here is a secret but what an RPC's URL
// may hold; of keys and passwords it names the files.
import { deploymentSchema, formatUsdc } from '@decloud/protocol'
import { fieldsOf, makeEnvironmentName, usdc } from '@decloud/service/config'
import { type Address, getAddress } from 'viem'
import { z } from 'zod'

const count = (least: number, most: number) => z.number().int().min(least).max(most)
/** `must be set` is what config/issues.ts looks for. */
const UNREGISTERED = 'must be set, and is by `decloud-node register`'
const path = z.string().min(1).meta({ wants: 'a path' })

/** `http(s)://…` for the API of a keeper, `/ip4/…` for its gossip. */
const keeper = z
  .string()
  .regex(
    /^(https?:\/\/[^/]+\/?|\/(ip4|ip6|dns|dns4|dns6)\/.+)$/,
    'must be URLs of keepers, and libp2p addresses like /ip4/203.0.113.7/tcp/8471/p2p/12D3Koo…',
  )

const pciAddress = z
  .string()
  .toLowerCase()
  .regex(/^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/, 'must be PCI addresses like 0000:01:00.0')

const stunServer = z
  .string()
  .regex(/^[A-Za-z0-9.-]{1,253}(:[1-9]\d{0,4})?$/, 'must be servers like stun.example.org:3478')

/** Not everybody: then each caller could name another. */
const proxies = z
  .union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'must be IP addresses, or ranges like 10.0.0.0/8')
  .refine((range) => !/\/0*$/.test(range), 'must be a range smaller than all addresses')

const publicUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .refine((url) => new URL(url).pathname === '/' && !/[?#]/.test(url), 'must be a URL without a path')
  .transform((url) => new URL(url).origin)

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address: 0x and 40 hex digits')
  .transform((text): Address => getAddress(text))

/** As many bits as the registry has for a price. */
const MOST_PRICE = 2n ** 40n - 1n
const price = usdc
  .refine((amount) => amount <= MOST_PRICE, `must be an amount of USDC, at most ${formatUsdc(MOST_PRICE)}`)
  .meta({ wants: 'an amount of USDC as text' })

/** Of the whole node, in whatever order its parts need them. */
const operatorKeys = {
  price: z
    .strictObject({
      point: price.optional().describe('USDC for an hour of a compute point'),
      memory: price.optional().describe('USDC for an hour of a GiB of memory'),
      disk: price.optional().describe('USDC for an hour of a GiB of disk'),
      gpu: price.optional().describe('USDC for an hour of a GPU'),
    })
    .optional(),
  region: z
    .string()
    .regex(/^[\x20-\x7e]{0,8}$/, 'must be at most 8 ASCII characters')
    .optional()
    .describe('where the machine is, for example eu-west'),
  endpoint: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .max(256)
    .optional()
    .describe("where tenants reach the agent's API; said to the registry"),
  minCharge: count(0, 300).optional().describe('seconds that an active lease is billed at least; 60'),
  notice: count(0, 2_592_000).optional().describe('seconds of notice before a lease is reclaimed; a day'),
  agentKeystore: path.optional().describe('keystore of the hot key, with which the agent signs'),
  agentPasswordFile: path.optional().describe('file with its password'),
  sealingKeys: path.optional().describe("file with the node's private sealing keys by epoch"),
  operatorKeystore: path
    .optional()
    .describe('keystore of the cold key, with which the operator signs; it may stay off this machine'),
  operatorPasswordFile: path.optional().describe('file with its password; without one it is asked for'),
  operatorAddress: address
    .optional()
    .describe('address of the cold key, for transactions that are signed elsewhere'),
}

export const configSchema = z.strictObject({
  rpcUrls: z
    .array(z.url({ protocol: /^https?$/, error: 'must be http or https URLs' }))
    .min(1)
    .meta({ description: 'JSON-RPC endpoints, in order of preference; several are compared', secret: true }),
  deployment: deploymentSchema.describe('the contracts: a deployment file, or in a file the object itself'),
  node: z
    .int({ error: ({ input }) => (input === undefined ? UNREGISTERED : undefined) })
    .min(1)
    .max(2 ** 32 - 1)
    .describe("this node's index in the registry; `register` writes it"),
  dataDir: path.default('/var/lib/decloud-node').describe('folder of disks, images and databases'),
  imageDir: path
    .optional()
    .describe('images built on this machine, which several agents may share; `images` in the data folder'),
  imageCatalogue: path
    .optional()
    .describe('your own image sources and checksums; `catalogue.json` in the data folder'),
  diskReserveGib: count(0, 100_000)
    .optional()
    .describe(
      'GiB under the disks of guests below which nothing new is set up, where that is less than a tenth of all; 20, and 2 on a development chain',
    ),
  hypervisor: z
    .enum(['auto', 'libvirt', 'simulated'])
    .default('auto')
    .describe('auto is libvirt, and on a development chain without libvirt simulated guests'),
  acceleration: z
    .enum(['auto', 'kvm', 'tcg'])
    .default('auto')
    .describe('whether the processor helps, or guests are emulated'),
  foreignGuests: z
    .enum(['refuse', 'emulate'])
    .optional()
    .describe('guests of another processor architecture; emulated on development chains only'),
  libvirtUri: z.string().default('qemu:///system').describe('where libvirt is'),
  networkName: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,14}$/, 'must be 1–15 lower-case letters, digits and dashes')
    .default('decloud')
    .describe("name of the guests' network"),
  networkSubnet: z
    .string()
    .regex(/^\d{1,3}(\.\d{1,3}){3}\/(1[6-9]|2[0-9])$/, 'must be an IPv4 range from /16 to /29')
    .default('10.77.0.0/24')
    .describe("range of the guests' network"),
  apiHost: z.union([z.ipv4(), z.ipv6()], 'must be an IP address').optional().meta({
    description: 'where the API listens; loopback, and any other only under a public URL',
    wants: 'an IP address',
  }),
  apiPublicUrl: publicUrl
    .optional()
    .describe('URL under which clients know the API: what a wallet signs in to'),
  apiPages: z
    .array(
      z
        .string()
        .toLowerCase()
        .regex(/^[a-z0-9.-]+(:(\d{1,5}|\*))?$/, 'must be hosts like app.example.org or localhost:5173'),
    )
    .optional()
    .describe('hosts whose pages may use the API, besides those of this machine and of the public URL'),
  trustedProxies: z.array(proxies).max(50).optional().meta({
    description: "addresses of the API's proxies, or ranges, whose `X-Forwarded-For` is believed; none",
    wants: 'a list (separated by commas) of IP addresses and ranges',
  }),
  apiPort: count(0, 65_535).default(7070).describe('port of the API; 0 takes any free one'),
  keepers: z
    .array(keeper)
    .optional()
    .describe('who is to hear that this node is there, and whose mailboxes are asked for manifests'),
  gpus: z
    .array(pciAddress)
    .refine((all) => new Set(all).size === all.length, 'must be PCI addresses, each once')
    .optional()
    .describe('GPUs that guests may be given whole'),
  claims: z
    .enum(['on', 'off'])
    .transform((text) => text === 'on')
    .optional()
    .describe(
      'whether requests that name no node are claimed for this one, once the scheduler had its minute; on',
    ),
  settleEverySeconds: count(60, 999_999_999)
    .optional()
    .describe('seconds between settlements at least; an hour'),
  minSettleUsdc: usdc.optional().describe('USDC that a lease has to have earned to be settled; 0.05'),
  gasCoinUsdc: usdc.optional().describe('USDC that one coin of gas is taken to be worth; 1'),
  maxFeeGwei: count(1, 1_000_000)
    .optional()
    .describe('gwei per gas that no transaction pays more than; 2000'),
  stunServers: z
    .array(stunServer)
    .max(4)
    .optional()
    .describe('STUN servers that are asked how others see this machine; none'),
  benchmarkDays: count(0, 365).optional().describe('days between benchmarks of this machine, 0 for never; 7'),
  logFile: path
    .optional()
    .describe('file that the log is appended to, instead of stderr; `decloud-node logs` reads it'),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('the least that is logged, one JSON line each, to stderr'),
  ...operatorKeys,
})
export type AgentConfig = z.output<typeof configSchema>

/** Above it agent and operator wait: of what they may spend on gas, nobody else decides. */
export const DEFAULT_MAX_FEE_GWEI = 2_000

/** The chain id of local development chains, whose money is play money. */
export const DEVELOPMENT_CHAIN = 31_337

/** The environment variable of a key; some are older than the rule. */
const environmentName = makeEnvironmentName('DECLOUD_', {
  networkName: 'DECLOUD_NETWORK',
  networkSubnet: 'DECLOUD_SUBNET',
  settleEverySeconds: 'DECLOUD_SETTLE_EVERY',
  minSettleUsdc: 'DECLOUD_MIN_SETTLE',
})

/** Every key there is, in the order of the schema. */
export const FIELDS = fieldsOf(configSchema, environmentName, { deployment: 'the path of a deployment file' })

/** `price.point` → `price-point`: the flag that wins over variable and file. */
export const flagOf = (key: string): string =>
  key
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('.', '-')
    .toLowerCase()
