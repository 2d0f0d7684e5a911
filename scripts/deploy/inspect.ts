// Reads a deployment off its chain: who can do what, with which figures, by whose code.
import {
  type Deployment,
  deCloudLensAbi,
  downtimeQuorumAbi,
  formatUsdc,
  leaseDeskAbi,
  leaseEscrowAbi,
  leaseMandatesAbi,
  nodeRegistryAbi,
  pricePolicyAbi,
  USDC_ADDRESSES,
} from '@decloud/protocol'
import { type Abi, type Address, domainSeparator, type PublicClient, parseAbi, zeroAddress } from 'viem'
import { isOurs } from './bytecode.ts'
import type { Finding } from './report.ts'
import type { Roles } from './roles.ts'
import { timelockFindings } from './timelock.ts'
import { isUsdc, readToken } from './usdc.ts'

const WEEK = 7n * 86_400n
const MAX_PLATFORM_BPS = 1_500n

type Named = Exclude<keyof Deployment, 'chainId' | 'fromBlock' | 'usdc'>

/** Path of each contract's artifact. */
const SOURCES: Readonly<Record<Named, string>> = {
  leaseEscrow: 'contracts/src/LeaseEscrow.sol',
  leaseDesk: 'contracts/src/LeaseDesk.sol',
  downtimeQuorum: 'contracts/src/DowntimeQuorum.sol',
  leaseMandates: 'contracts/src/LeaseMandates.sol',
  nodeRegistry: 'contracts/src/NodeRegistry.sol',
  pricePolicy: 'contracts/src/PricePolicy.sol',
  timelock: '@openzeppelin/contracts/governance/TimelockController.sol',
  templateRegistry: 'contracts/src/TemplateRegistry.sol',
  leaseAccess: 'contracts/src/LeaseAccess.sol',
  reviews: 'contracts/src/Reviews.sol',
  reputation: 'contracts/src/Reputation.sol',
  premiumStake: 'contracts/src/PremiumStake.sol',
  payouts: 'contracts/src/Payouts.sol',
  deCloudLens: 'contracts/src/DeCloudLens.sol',
}

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

const code = async ({ client, deployment }: Inspected): Promise<Finding[]> =>
  Promise.all(
    (Object.keys(SOURCES) as Named[]).flatMap((name) => {
      const address = deployment[name]
      return address === undefined ? [] : [codeAt(client, name, address)]
    }),
  )

const codeAt = async (client: PublicClient, name: Named, address: Address): Promise<Finding> => {
  const deployed = (await client.getCode({ address })) ?? '0x'
  const same = deployed !== '0x' && (await isOurs(SOURCES[name], deployed))
  const value = `${address} ${deployed === '0x' ? 'no code' : same ? 'our code' : 'other code'}`
  return found('code', name, value, `${address} our code`)
}

const escrow = async ({ client, deployment, roles }: Inspected): Promise<Finding[]> => {
  const topic = 'escrow'
  const read = reader(client, deployment.leaseEscrow, leaseEscrowAbi as Abi)
  return [
    found(topic, 'USDC', await read('USDC'), deployment.usdc),
    found(topic, 'owner', 'nobody, by its code'),
    found(topic, 'prices by and asks the desk', await read('DESK'), deployment.leaseDesk),
    found(topic, 'credits by the quorum', await read('QUORUM'), deployment.downtimeQuorum),
    found(topic, 'takes the word of the mandates', await read('MANDATES'), deployment.leaseMandates),
    found(topic, "platform's payee", await read('payeeOf', [0]), roles?.platformPayee),
    found(topic, "platform's payee proposed", await read('pendingPayeeOf', [0]), zeroAddress),
  ]
}

const desk = async ({ client, deployment, roles }: Inspected): Promise<Finding[]> => {
  const topic = 'desk'
  const read = reader(client, deployment.leaseDesk, leaseDeskAbi as Abi)
  return [
    found(topic, 'escrow', await read('ESCROW'), deployment.leaseEscrow),
    found(topic, 'owner (pointers, roles)', await read('owner'), deployment.timelock ?? 'a timelock'),
    found(topic, 'owner proposed', await read('pendingOwner'), zeroAddress),
    found(topic, 'delay of its pointers, s', await read('POINTER_DELAY'), WEEK),
    found(topic, 'registry', await read('registry'), deployment.nodeRegistry),
    found(topic, 'policy', await read('policy'), deployment.pricePolicy),
    found(topic, 'templates', await read('templates'), deployment.templateRegistry ?? zeroAddress),
    found(topic, 'registry announced', await read('nextRegistry'), zeroAddress),
    found(topic, 'policy announced', await read('nextPolicy'), zeroAddress),
    found(topic, 'templates announced', await read('nextTemplates'), zeroAddress),
    found(topic, 'guardian (may pause)', await read('guardian'), roles?.guardian),
    found(topic, 'scheduler (places requests)', await read('scheduler'), roles?.scheduler),
    found(topic, 'paused until', await read('pausedUntil'), 0n),
  ]
}

const quorum = async ({ client, deployment, roles }: Inspected): Promise<Finding[]> => {
  const topic = 'quorum'
  const read = reader(client, deployment.downtimeQuorum, downtimeQuorumAbi as Abi)
  return [
    found(topic, 'escrow', await read('ESCROW'), deployment.leaseEscrow),
    found(topic, 'owner (chooses attesters)', await read('owner'), deployment.timelock ?? 'a timelock'),
    found(topic, 'owner proposed', await read('pendingOwner'), zeroAddress),
    found(topic, 'attesters', sorted(await read('attesters')), roles && sorted(roles.attesters)),
    found(topic, 'so many credit downtime', await read('quorum'), roles && BigInt(roles.quorum)),
    found(topic, 'least attesters, least quorum', [await read('MIN_ATTESTERS'), await read('MIN_QUORUM')]),
  ]
}

const mandates = async ({ client, deployment }: Inspected): Promise<Finding[]> => {
  const topic = 'mandates'
  const { chainId, leaseMandates: verifyingContract } = deployment
  const read = reader(client, verifyingContract, leaseMandatesAbi as Abi)
  const domain = { name: 'DeCloud LeaseMandates', version: '1', chainId, verifyingContract }
  return [
    found(topic, 'escrow', await read('ESCROW'), deployment.leaseEscrow),
    found(topic, 'owner', 'nobody, by its code'),
    found(topic, 'signatures are for', await read('DOMAIN_SEPARATOR'), domainSeparator({ domain })),
  ]
}

const sorted = (list: unknown) => [...(list as readonly Address[])].sort()

const policy = async ({ client, deployment }: Inspected): Promise<Finding[]> => {
  const topic = 'policy'
  const read = reader(client, deployment.pricePolicy, pricePolicyAbi as Abi)
  const [floors, defaults, units, multipliers, rates, platformBps] = (await read('parameters')) as unknown[]
  const registry = reader(client, deployment.nodeRegistry, nodeRegistryAbi as Abi)
  return [
    found(topic, 'owner (sets parameters)', await read('owner'), deployment.timelock ?? 'a timelock'),
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

const around = async ({ client, deployment, roles }: Inspected): Promise<Finding[]> => {
  const { leaseAccess, reviews, reputation, premiumStake, payouts, timelock } = deployment
  const findings: Finding[] = []
  for (const [name, address] of Object.entries({ leaseAccess, reviews, reputation, payouts })) {
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
      found('reputation', 'attesters', sorted(await read('attesters')), roles && sorted(roles.attesters)),
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

/** It has no owner and no storage: what it reads is what there is to know about it. */
const lens = async ({ client, deployment }: Inspected): Promise<Finding[]> => {
  const topic = 'lens'
  const { deCloudLens, leaseEscrow, leaseDesk, leaseMandates, reviews, reputation, premiumStake } = deployment
  if (deCloudLens === undefined) return []
  const read = reader(client, deCloudLens, deCloudLensAbi as Abi)
  return [
    found(topic, 'escrow', await read('ESCROW'), leaseEscrow),
    found(topic, 'desk', await read('DESK'), leaseDesk),
    found(topic, 'mandates', await read('MANDATES'), leaseMandates),
    found(topic, 'reviews', await read('REVIEWS'), reviews ?? 'reviews'),
    found(topic, 'reputation', await read('REPUTATION'), reputation ?? 'a reputation'),
    found(topic, 'stake', await read('STAKE'), premiumStake ?? 'a stake'),
  ]
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
    ...(await desk(inspected)),
    ...(await quorum(inspected)),
    ...(await mandates(inspected)),
    ...(await policy(inspected)),
    ...(await around(inspected)),
    ...(await lens(inspected)),
  ]
}
