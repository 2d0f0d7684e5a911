// Puts the contracts on a local chain, in the order of their constructors, for worlds and tests: a second or two. Chains
// with other people on them are deployed to with `npm run deploy`.
import { readFile } from 'node:fs/promises'
import {
  type Deployment,
  downtimeQuorumAbi,
  leaseDeskAbi,
  leaseEscrowAbi,
  mockUSDCAbi,
  reputationAbi,
  USDC,
} from '@decloud/protocol'
import {
  type Abi,
  type Account,
  type Address,
  type Chain,
  encodeFunctionData,
  getAddress,
  type Hex,
  type PublicClient,
  type Transport,
  type WalletClient,
} from 'viem'

const ARTIFACTS = new URL('../../build/hardhat/artifacts/contracts/src/', import.meta.url)

const artifactOf = async (source: string): Promise<{ abi: Abi; bytecode: Hex }> => {
  const contract = source.slice(source.lastIndexOf('/') + 1)
  return JSON.parse(await readFile(new URL(`${source}.sol/${contract}.json`, ARTIFACTS), 'utf8'))
}

export type Deployer = {
  wallet: WalletClient<Transport, Chain, Account>
  reader: Pick<PublicClient, 'waitForTransactionReceipt' | 'getBlockNumber' | 'readContract'>
}

/** Sends one creation and waits until it is mined; the receipt is awaited for a minute at most. */
const create = async (
  { wallet, reader }: Deployer,
  source: string,
  args: readonly unknown[],
): Promise<Address> => {
  const hash = await wallet.deployContract({ ...(await artifactOf(source)), args })
  const receipt = await reader.waitForTransactionReceipt({ hash, timeout: 60_000 })
  return getAddress(receipt.contractAddress!)
}

/** A USDC that behaves as Circle's does, behind a proxy as Circle's is; the deployer may mint. Local chains only. */
export const deployMockUsdc = async (deployer: Deployer): Promise<Address> => {
  const owner = deployer.wallet.account.address
  const implementation = await create(deployer, 'mocks/MockUSDC', [owner])
  const initialization = encodeFunctionData({ abi: mockUSDCAbi, functionName: 'initialize', args: [owner] })
  return create(deployer, 'mocks/FiatTokenProxy', [implementation, initialization])
}

/** Where the three contracts are that an escrow created with itself. */
const readCreated = async (
  reader: Pick<PublicClient, 'readContract'>,
  leaseEscrow: Address,
): Promise<Pick<Deployment, 'leaseDesk' | 'downtimeQuorum' | 'leaseMandates'>> => {
  const escrow = { address: leaseEscrow, abi: leaseEscrowAbi } as const
  const [leaseDesk, downtimeQuorum, leaseMandates] = await Promise.all([
    reader.readContract({ ...escrow, functionName: 'DESK' }),
    reader.readContract({ ...escrow, functionName: 'QUORUM' }),
    reader.readContract({ ...escrow, functionName: 'MANDATES' }),
  ])
  return { leaseDesk, downtimeQuorum, leaseMandates }
}

/**
 * @param owner moves the policy's parameters, announces pointer moves, fills the roles; a timelock in any real deployment.
 * @param platformPayee takes out what the platform earns.
 */
export const deployProtocol = async (
  deployer: Deployer,
  options: { usdc: Address; owner: Address; platformPayee: Address },
): Promise<Deployment> => {
  const fromBlock = Number(await deployer.reader.getBlockNumber()) + 1
  const pricePolicy = await create(deployer, 'PricePolicy', [options.owner])
  const nodeRegistry = await create(deployer, 'NodeRegistry', [pricePolicy])
  const leaseEscrow = await create(deployer, 'LeaseEscrow', [
    options.usdc,
    nodeRegistry,
    pricePolicy,
    options.owner,
    options.platformPayee,
  ])
  const chainId = deployer.wallet.chain.id
  const created = await readCreated(deployer.reader, leaseEscrow)
  return { chainId, usdc: options.usdc, leaseEscrow, ...created, nodeRegistry, pricePolicy, fromBlock }
}

/** A deployment with all that may stand around it, but for a timelock. */
export type FullDeployment = Deployment &
  Record<
    | 'templateRegistry'
    | 'leaseAccess'
    | 'reviews'
    | 'reputation'
    | 'premiumStake'
    | 'payouts'
    | 'deCloudLens',
    Address
  >

export type LocalRoles = {
  guardian: Address
  scheduler: Address
  /** Three or more: they attest uptime, and two of them credit downtime. */
  attesters: readonly Address[]
}

const MINIMUM_STAKE = 1_000n * USDC

/** Everything around the escrow, and every role filled. The deployer must be the owner of `deployment`. */
export const deploySatellites = async (
  deployer: Deployer,
  deployment: Deployment,
  { guardian, scheduler, attesters }: LocalRoles,
): Promise<FullDeployment> => {
  const { leaseEscrow, leaseDesk, downtimeQuorum, nodeRegistry, usdc } = deployment
  const owner = deployer.wallet.account.address
  const templateRegistry = await create(deployer, 'TemplateRegistry', [])
  const leaseAccess = await create(deployer, 'LeaseAccess', [leaseEscrow])
  const reviews = await create(deployer, 'Reviews', [leaseEscrow])
  const reputation = await create(deployer, 'Reputation', [leaseEscrow, owner, attesters[0]])
  const stake = [usdc, nodeRegistry, reputation, MINIMUM_STAKE]
  const premiumStake = await create(deployer, 'PremiumStake', stake)
  const payouts = await create(deployer, 'Payouts', [leaseEscrow])
  const read = [leaseEscrow, reviews, reputation, premiumStake]
  const deCloudLens = await create(deployer, 'DeCloudLens', read)
  const call = async (address: Address, abi: Abi, functionName: string, args: readonly unknown[]) => {
    const hash = await deployer.wallet.writeContract({ address, abi, functionName, args })
    await deployer.reader.waitForTransactionReceipt({ hash, timeout: 60_000 })
  }
  await call(leaseDesk, leaseDeskAbi, 'announceTemplates', [templateRegistry])
  await call(leaseDesk, leaseDeskAbi, 'setGuardian', [guardian])
  await call(leaseDesk, leaseDeskAbi, 'setScheduler', [scheduler])
  await call(downtimeQuorum, downtimeQuorumAbi, 'setAttesters', [attesters, 2n])
  for (const attester of attesters.slice(1)) {
    await call(reputation, reputationAbi, 'setAttester', [attester, true])
  }
  const around = { templateRegistry, leaseAccess, reviews, reputation, premiumStake, payouts, deCloudLens }
  return { ...deployment, ...around }
}
