// Puts the contracts on a chain, in the order of their constructors.
import { readFile } from 'node:fs/promises'
import {
  type Deployment,
  leaseEscrowAbi,
  mockUSDCAbi,
  nodeRegistryAbi,
  pricePolicyAbi,
} from '@decloud/protocol'
import {
  type Abi,
  type Account,
  type Address,
  type Chain,
  encodeFunctionData,
  type Hex,
  type PublicClient,
  parseAbi,
  type Transport,
  type WalletClient,
} from 'viem'

const ARTIFACTS = new URL('../../build/hardhat/artifacts/contracts/src/', import.meta.url)
const proxyAbi = parseAbi(['constructor(address implementation, bytes initialization)'])

const bytecodeOf = async (source: string): Promise<Hex> => {
  const contract = source.slice(source.lastIndexOf('/') + 1)
  const artifact = await readFile(new URL(`${source}.sol/${contract}.json`, ARTIFACTS), 'utf8')
  return (JSON.parse(artifact) as { bytecode: Hex }).bytecode
}

export type Deployer = {
  wallet: WalletClient<Transport, Chain, Account>
  reader: Pick<PublicClient, 'waitForTransactionReceipt' | 'getBlockNumber'>
}

/** Sends one creation and waits until it is mined; the receipt is awaited for a minute at most. */
const create = async (
  { wallet, reader }: Deployer,
  source: string,
  abi: Abi,
  args: readonly unknown[],
): Promise<Address> => {
  const hash = await wallet.deployContract({ abi, bytecode: await bytecodeOf(source), args })
  const receipt = await reader.waitForTransactionReceipt({ hash, timeout: 60_000 })
  return receipt.contractAddress!
}

/** A USDC that behaves as Circle's does, behind a proxy as Circle's is; the deployer may mint. Local chains only. */
export const deployMockUsdc = async (deployer: Deployer): Promise<Address> => {
  const owner = deployer.wallet.account.address
  const implementation = await create(deployer, 'mocks/MockUSDC', mockUSDCAbi, [owner])
  const initialization = encodeFunctionData({ abi: mockUSDCAbi, functionName: 'initialize', args: [owner] })
  return create(deployer, 'mocks/FiatTokenProxy', proxyAbi, [implementation, initialization])
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
  const pricePolicy = await create(deployer, 'PricePolicy', pricePolicyAbi, [options.owner])
  const nodeRegistry = await create(deployer, 'NodeRegistry', nodeRegistryAbi, [pricePolicy])
  const leaseEscrow = await create(deployer, 'LeaseEscrow', leaseEscrowAbi, [
    options.usdc,
    nodeRegistry,
    pricePolicy,
    options.owner,
    options.platformPayee,
  ])
  const chainId = deployer.wallet.chain.id
  return { chainId, usdc: options.usdc, leaseEscrow, nodeRegistry, pricePolicy, fromBlock }
}
