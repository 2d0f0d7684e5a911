// Puts the contracts on a local chain, in the order of their constructors, for worlds and tests: a second or two. Chains
// with other people on them are deployed to with `npm run deploy`.
import { readFile } from 'node:fs/promises'
import { type Deployment, mockUSDCAbi } from '@decloud/protocol'
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
  reader: Pick<PublicClient, 'waitForTransactionReceipt' | 'getBlockNumber'>
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

/**
 * @param owner moves the policy's parameters and announces pointer moves; a timelock in any real deployment.
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
  return { chainId, usdc: options.usdc, leaseEscrow, nodeRegistry, pricePolicy, fromBlock }
}

/** The contracts around the escrow that it can carry today. `attester` is the first one of the list. */
export const deploySatellites = async (
  deployer: Deployer,
  { leaseEscrow }: Deployment,
  { owner, attester }: { owner: Address; attester: Address },
): Promise<{ reviews: Address; reputation: Address }> => ({
  reviews: await create(deployer, 'Reviews', [leaseEscrow]),
  reputation: await create(deployer, 'Reputation', [leaseEscrow, owner, attester]),
})
