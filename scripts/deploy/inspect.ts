// Reads a deployment off its chain: who can do what, with which figures, by whose code.
import {
  type Deployment,
  formatUsdc,
  leaseEscrowAbi,
  nodeRegistryAbi,
  pricePolicyAbi,
  USDC_ADDRESSES,
} from '@decloud/protocol'
import { type Abi, type Address, type PublicClient, parseAbi, zeroAddress } from 'viem'
import { isOurs } from './bytecode.ts'
import type { SatelliteRecord } from './record.ts'
import type { Finding } from './report.ts'
import type { Roles } from './roles.ts'
import { timelockFindings } from './timelock.ts'
import { isUsdc, readToken } from './usdc.ts'

const WEEK = 7n * 86_400n
const MAX_PLATFORM_BPS = 1_500n
const MAX_RELAY_BPS = 2_000n

/** Path of each contract's artifact. */
const SOURCES = {
  leaseEscrow: 'contracts/src/LeaseEscrow.sol',
  nodeRegistry: 'contracts/src/NodeRegistry.sol',
  pricePolicy: 'contracts/src/PricePolicy.sol',
  timelock: '@openzeppelin/contracts/governance/TimelockController.sol',
  templateRegistry: 'contracts/src/TemplateRegistry.sol',
  leaseAccess: 'contracts/src/LeaseAccess.sol',
  reviews: 'contracts/src/Reviews.sol',
  reputation: 'contracts/src/Reputation.sol',
  premiumStake: 'contracts/src/PremiumStake.sol',
} as const

const satelliteAbi = parseAbi([
  'function ESCROW() view returns (address)',
  'function owner() view returns (address)',
  'function pendingOwner() view returns (address)',
  'function attesters() view returns (address[])',
  'function TOKEN() view returns (address)',
  'function REGISTRY() view returns (address)',
  'function REPUTATION() view returns (address)',
  'function MINIMUM_STAKE() view returns (uint256)',
])

export type Inspected = {
  client: PublicClient
  deployment: Deployment
  satellites: Omit<SatelliteRecord, 'chainId'>
  /** Who is to hold which role; without it roles are named and not judged. */
  roles?: Roles
}

/** JSON of what a contract answered, bigints as digits. */
const show = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'bigint'
    ? String(value)
    : JSON.stringify(value, (_, it) => (typeof it === 'bigint' ? it.toString() : it))

const reader =
  (client: PublicClient, address: Address, abi: Abi) =>
  (functionName: string, args: unknown[] = []) =>
    client.readContract({ address, abi, functionName, args })

/** A finding about a figure; without `expected` it is only named. */
const found = (topic: string, what: string, value: unknown, expected?: unknown): Finding => ({
  topic,
  what,
  value: show(value),
  ok: expected === undefined || show(value) === show(expected),
  ...(expected === undefined ? {} : { expected: show(expected) }),
})

const token = async ({ client, deployment }: Inspected): Promise<Finding[]> => {
  const circles = USDC_ADDRESSES[deployment.chainId]
  const read = await readToken(client, deployment.usdc)
  return [
    found('USDC', 'address', deployment.usdc, circles ?? deployment.usdc),
    {
      ...found('USDC', 'symbol, decimals', `${read.symbol}, ${read.decimals}`),
      ok: isUsdc(read),
      expected: 'USDC, 6',
    },
  ]
}

const code = async ({ client, deployment, satellites }: Inspected): Promise<Finding[]> => {
  const { leaseEscrow, nodeRegistry, pricePolicy } = deployment
  const contracts: Record<string, Address | undefined> = {
    leaseEscrow,
    nodeRegistry,
    pricePolicy,
    ...satellites,
  }
  return Promise.all(
    Object.entries(contracts).flatMap(([name, address]) =>
      address === undefined
        ? []
        : [
            (async () => {
              const deployed = (await client.getCode({ address })) ?? '0x'
              const same =
                deployed !== '0x' && (await isOurs(SOURCES[name as keyof typeof SOURCES], deployed))
              const value = `${address} ${deployed === '0x' ? 'no code' : same ? 'our code' : 'other code'}`
              return found('code', name, value, `${address} our code`)
            })(),
          ],
    ),
  )
}

const escrow = async ({ client, deployment, satellites, roles }: Inspected): Promise<Finding[]> => {
  const topic = 'escrow'
  const read = reader(client, deployment.leaseEscrow, leaseEscrowAbi as Abi)
  return [
    found(topic, 'USDC', await read('USDC'), deployment.usdc),
    found(topic, 'owner (announces pointers)', await read('owner'), satellites.timelock ?? 'a timelock'),
    found(topic, 'owner proposed', await read('pendingOwner'), zeroAddress),
    found(topic, 'delay of its pointers, s', await read('POINTER_DELAY'), WEEK),
    found(topic, 'registry', await read('registry'), deployment.nodeRegistry),
    found(topic, 'policy', await read('policy'), deployment.pricePolicy),
    found(topic, 'registry announced', await read('nextRegistry'), zeroAddress),
    found(topic, 'policy announced', await read('nextPolicy'), zeroAddress),
    found(topic, "platform's payee", await read('payeeOf', [0]), roles?.platformPayee),
    found(topic, "platform's payee proposed", await read('pendingPayeeOf', [0]), zeroAddress),
    found(topic, 'most for the platform, bps', await read('MAX_PLATFORM_BPS'), MAX_PLATFORM_BPS),
    found(topic, 'most for a relay, bps', await read('MAX_RELAY_BPS'), MAX_RELAY_BPS),
  ]
}

const policy = async ({ client, deployment, satellites }: Inspected): Promise<Finding[]> => {
  const topic = 'policy'
  const read = reader(client, deployment.pricePolicy, pricePolicyAbi as Abi)
  const [floors, defaults, units, multipliers, rates, platformBps] = (await read('parameters')) as unknown[]
  const registry = reader(client, deployment.nodeRegistry, nodeRegistryAbi as Abi)
  return [
    found(topic, 'owner (sets parameters)', await read('owner'), satellites.timelock ?? 'a timelock'),
    found(topic, 'owner proposed', await read('pendingOwner'), zeroAddress),
    found(topic, 'most for the platform, bps', await read('MAX_PLATFORM_BPS'), MAX_PLATFORM_BPS),
    found(topic, 'floors, µUSDC/h', floors),
    found(topic, 'defaults, µUSDC/h', defaults),
    found(topic, 'point-units per vCPU', units),
    found(topic, 'bandwidth multipliers, bps', multipliers),
    found(topic, 'bandwidth rates, µUSDC/h', rates),
    found(topic, 'platform, bps', platformBps),
    found('registry', 'floors come from', await registry('POLICY'), deployment.pricePolicy),
    found('registry', 'nodes', await registry('nodeCount')),
  ]
}

const around = async ({ client, deployment, satellites, roles }: Inspected): Promise<Finding[]> => {
  const { leaseAccess, reviews, reputation, premiumStake, timelock } = satellites
  const findings: Finding[] = []
  for (const [name, address] of Object.entries({ leaseAccess, reviews, reputation })) {
    if (address === undefined) continue
    findings.push(
      found(name, 'escrow', await reader(client, address, satelliteAbi)('ESCROW'), deployment.leaseEscrow),
    )
  }
  if (reputation !== undefined) {
    const read = reader(client, reputation, satelliteAbi)
    findings.push(
      found('reputation', 'owner (chooses attesters)', await read('owner'), timelock ?? 'a timelock'),
      found('reputation', 'owner proposed', await read('pendingOwner'), zeroAddress),
      found('reputation', 'attesters', await read('attesters'), roles && [roles.attester]),
    )
  }
  if (premiumStake !== undefined) {
    const read = reader(client, premiumStake, satelliteAbi)
    const minimum = (await read('MINIMUM_STAKE')) as bigint
    findings.push(
      found('premiumStake', 'token', await read('TOKEN'), deployment.usdc),
      found('premiumStake', 'registry', await read('REGISTRY'), deployment.nodeRegistry),
      found('premiumStake', 'reputation', await read('REPUTATION'), reputation),
      found('premiumStake', 'minimum, USDC', formatUsdc(minimum), roles && formatUsdc(roles.minimumStake)),
    )
  }
  return findings
}

/**
 * Everything there is to know, in order; a finding that is not `ok` is not as it has to be right after a deployment.
 * @throws DecloudError `usdc-missing`, `artifact-missing`; viem's own when the RPC does not answer.
 */
export const inspect = async (inspected: Inspected): Promise<Finding[]> => {
  const codes = await code(inspected)
  // Questions to something that is not what it is taken for would only fail in other words.
  if (codes.some(({ ok }) => !ok)) return codes
  return [
    ...codes,
    ...(await token(inspected)),
    ...(await timelockFindings(inspected)),
    ...(await escrow(inspected)),
    ...(await policy(inspected)),
    ...(await around(inspected)),
  ]
}
