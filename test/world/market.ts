// The chain side of a world: contracts, money, and a registered node.
import {
  type Deployment,
  generateSealingKey,
  mockUSDCAbi,
  nodeRegistryAbi,
  type Prices,
  USDC,
} from '@decloud/protocol'
import { type Address, type Hex, keccak256, stringToHex } from 'viem'
import {
  deployMockUsdc,
  deployProtocol,
  deploySatellites,
  type FullDeployment,
} from '../../scripts/lib/deploy.ts'
import type { Anvil } from './anvil.ts'

/** Who holds which account of the chain's mnemonic. */
export const ROLES = {
  deployer: 0,
  tenant: 1,
  keeper: 2,
  platform: 3,
  stranger: 4,
  guardian: 5,
  firstAttester: 6,
  firstOperator: 10,
  firstAgent: 100,
} as const

const TENANT_FUNDS = 1_000n * USDC
const ATTESTERS = 3

/** Deploys everything, fills the roles (the keeper schedules) and gives the tenant 1,000 USDC. */
export const openMarket = async (anvil: Anvil): Promise<FullDeployment> => {
  const deployer = { wallet: anvil.wallet(ROLES.deployer), reader: anvil.client }
  const usdc = await deployMockUsdc(deployer)
  const deployment = await deployProtocol(deployer, {
    usdc,
    owner: deployer.wallet.account.address,
    platformPayee: anvil.account(ROLES.platform).address,
  })
  await mint(anvil, usdc, anvil.account(ROLES.tenant).address, TENANT_FUNDS)
  return deploySatellites(deployer, deployment, {
    guardian: anvil.account(ROLES.guardian).address,
    scheduler: anvil.account(ROLES.keeper).address,
    attesters: Array.from({ length: ATTESTERS }, (_, i) => anvil.account(ROLES.firstAttester + i).address),
  })
}

/** @param amount µUSDC. */
export const mint = async (anvil: Anvil, usdc: Address, to: Address, amount: bigint): Promise<void> => {
  const hash = await anvil.wallet(ROLES.deployer).writeContract({
    address: usdc,
    abi: mockUSDCAbi,
    functionName: 'mint',
    args: [to, amount],
  })
  await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
}

export type RegisteredNode = {
  /** Registry index. */
  node: number
  operator: number
  agent: number
  sealingKey: { publicKey: Hex; privateKey: Hex }
}

export type NodeOffer = {
  vcpus: number
  memoryMiB: number
  diskGiB: number
  prices: Prices
  minCharge: number
  region: string
}

/** A small machine at the platform's default prices. */
export const SMALL_NODE: NodeOffer = {
  vcpus: 8,
  memoryMiB: 8_192,
  diskGiB: 100,
  prices: { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n },
  minCharge: 60,
  region: 'eu-west',
}

/** Registers the `nth` node of the world, operated and run by accounts of its own. */
export const registerNode = async (
  anvil: Anvil,
  deployment: Deployment,
  options: { nth: number; offer: NodeOffer; endpoint: string; agentFunds: bigint },
): Promise<RegisteredNode> => {
  const operator = ROLES.firstOperator + options.nth
  const agent = ROLES.firstAgent + options.nth
  const { offer } = options
  const sealingKey = await generateSealingKey()
  await anvil.client.setBalance({ address: anvil.account(operator).address, value: 10n ** 18n })
  await anvil.client.setBalance({ address: anvil.account(agent).address, value: options.agentFunds })
  const registration = {
    machineId: keccak256(stringToHex(`machine ${options.nth}`)),
    agent: anvil.account(agent).address,
    sealingKey: sealingKey.publicKey,
    region: stringToHex(offer.region, { size: 8 }),
    minCharge: offer.minCharge,
    notice: 86_400,
    capacity: {
      pointUnits: BigInt(offer.vcpus) * 12n,
      memoryMiB: BigInt(offer.memoryMiB),
      diskGiB: BigInt(offer.diskGiB),
      gpus: 0,
    },
    prices: offer.prices,
    endpoint: options.endpoint,
  }
  const { request, result: node } = await anvil.client.simulateContract({
    account: anvil.account(operator),
    address: deployment.nodeRegistry,
    abi: nodeRegistryAbi,
    functionName: 'register',
    args: [registration],
  })
  const hash = await anvil.wallet(operator).writeContract(request)
  await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  return { node, operator, agent, sealingKey }
}

/** An agent takes any free port: the registry learns where. */
export const setEndpoint = async (
  anvil: Anvil,
  deployment: Deployment,
  { node, operator }: RegisteredNode,
  url: string,
): Promise<void> => {
  const hash = await anvil.wallet(operator).writeContract({
    address: deployment.nodeRegistry,
    abi: nodeRegistryAbi,
    functionName: 'setEndpoint',
    args: [node, url],
  })
  await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
}
