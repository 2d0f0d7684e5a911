// A local chain with the real contracts on it, and the few moves that tests of followers and journals make.
import {
  CONTRACTS,
  type ContractKey,
  leaseEscrowAbi,
  nodeRegistryAbi,
  pricePolicyAbi,
  type Terms,
} from '@decloud/protocol'
import { type Abi, type Address, type Hex, keccak256, parseAbi, toHex, zeroHash } from 'viem'
import { deployMockUsdc, deployProtocol, deploySatellites } from '../../scripts/lib/deploy.ts'
import { type Anvil, startAnvil } from '../../test/world/anvil.ts'

const USDC_ABI = parseAbi([
  'function mint(address to, uint256 amount)',
  'function approve(address spender, uint256 amount) returns (bool)',
])

/** Accounts of the mnemonic: 0 owner and deployer, 1 tenant, 2 operator, 3 agent, 4 keeper, 5 second tenant, 6, 7 and 9
 *  attesters, 8 guardian. */
const OWNER = 0
export const TENANT = 1
export const OPERATOR = 2
export const AGENT = 3
export const KEEPER = 4

export const ATTESTERS = [9, 6, 7] as const
export const GUARDIAN = 8

export type Local = Awaited<ReturnType<typeof startLocal>>

export const startLocal = async (options: Parameters<typeof startAnvil>[0] = {}) => {
  const anvil = await startAnvil(options)
  try {
    return { anvil, ...(await deployTo(anvil)), stop: () => anvil.stop() }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

const deployTo = async (anvil: Anvil) => {
  const owner = anvil.account(OWNER).address
  const deployer = { wallet: anvil.wallet(OWNER), reader: anvil.client }
  const usdc = await deployMockUsdc(deployer)
  const deployment = await deploySatellites(
    deployer,
    await deployProtocol(deployer, { usdc, owner, platformPayee: owner }),
    {
      guardian: anvil.account(GUARDIAN).address,
      scheduler: anvil.account(KEEPER).address,
      attesters: ATTESTERS.map((index) => anvil.account(index).address),
    },
  )
  const { leaseEscrow, nodeRegistry, pricePolicy } = deployment

  const send = async (
    index: number,
    to: Address,
    abi: Abi,
    functionName: string,
    args: readonly unknown[],
  ) => {
    const call = { address: to, abi, functionName, args }
    const estimate = await anvil.client.estimateContractGas({ ...call, account: anvil.account(index) })
    // A second later there may be something to settle that the estimate did not see.
    const hash = await anvil.wallet(index).writeContract({ ...call, gas: estimate * 2n })
    const receipt = await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    if (receipt.status !== 'success') throw new Error(`${functionName} reverted`)
    return receipt
  }
  const escrow = (index: number, functionName: string, args: readonly unknown[]) =>
    send(index, leaseEscrow, leaseEscrowAbi, functionName, args)
  const registry = (index: number, functionName: string, args: readonly unknown[]) =>
    send(index, nodeRegistry, nodeRegistryAbi, functionName, args)

  /** Sends a call to any contract of the deployment. */
  const call = (index: number, contract: ContractKey, functionName: string, args: readonly unknown[]) =>
    send(index, deployment[contract], CONTRACTS[contract], functionName, args)

  let machines = 0
  let salts = 0
  /** Registers a node for the operator; each gets an agent of its own. @returns its index. */
  const register = async (endpoint = 'http://127.0.0.1:1') => {
    machines += 1
    const agent = machines === 1 ? anvil.account(AGENT).address : anvil.account(100 + machines).address
    await registry(OPERATOR, 'register', [
      {
        machineId: keccak256(toHex(`machine ${machines}`)),
        agent,
        sealingKey: keccak256(toHex(`sealing ${machines}`)),
        region: '0x65752d7765737400',
        minCharge: 60,
        notice: 0,
        capacity: { pointUnits: 12_000n, memoryMiB: 1_000_000n, diskGiB: 60_000n, gpus: 0 },
        prices: { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n },
        endpoint,
      },
    ])
    return machines
  }
  /** Mints USDC to an account and lets the escrow take it. */
  const fund = async (index: number, amount: bigint) => {
    const { address } = anvil.account(index)
    await send(OWNER, usdc, USDC_ABI, 'mint', [address, amount])
    await send(index, usdc, USDC_ABI, 'approve', [leaseEscrow, amount])
  }
  const terms = (tenant: number, node: number, change: Partial<Terms> = {}): Terms => {
    salts += 1
    return {
      tenant: anvil.account(tenant).address,
      node,
      vcpus: 1,
      tier: 1,
      bandwidth: 1,
      gpus: 0,
      memoryMiB: 1_024,
      diskGiB: 10,
      region: '0x0000000000000000',
      maxPricePerHour: 10_000_000n,
      deposit: 1_000_000n,
      holdBack: 60,
      minNotice: 0,
      activateWithin: 900,
      template: 0,
      templateVersion: 0,
      maxTemplateFee: 0n,
      manifestHash: zeroHash,
      salt: toHex(salts, { size: 32 }),
      ...change,
    }
  }
  const idOf = (t: Terms) =>
    anvil.client.readContract({
      address: leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'leaseIdOf',
      args: [t],
    })
  /** A lease as contract storage has it now. */
  const leaseOf = (leaseId: Hex) =>
    anvil.client.readContract({
      ...{ address: leaseEscrow, abi: leaseEscrowAbi, functionName: 'leaseOf', args: [leaseId] },
    })
  const open = async (tenant: number, node: number, change: Partial<Terms> = {}): Promise<Hex> => {
    const wanted = terms(tenant, node, change)
    await escrow(tenant, 'open', [wanted, '0x'])
    return idOf(wanted)
  }
  /** Opens `count` leases in one block. */
  const openMany = async (tenant: number, node: number, count: number) => {
    const wallet = anvil.wallet(tenant)
    const first = await anvil.client.getTransactionCount({ address: wallet.account.address })
    await anvil.client.setAutomine(false)
    const hashes: Hex[] = []
    for (let i = 0; i < count; i++) {
      const args = [terms(tenant, node), '0x'] as const
      const hash = await wallet.writeContract({
        ...{ address: leaseEscrow, abi: leaseEscrowAbi, functionName: 'open', args },
        ...{ nonce: first + i, gas: 400_000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n },
      })
      hashes.push(hash)
    }
    await anvil.client.setAutomine(true)
    while ((await anvil.client.getTransactionCount({ address: wallet.account.address })) < first + count) {
      await anvil.client.mine({ blocks: 1 })
    }
    // Anvil counts the transactions of a block before anybody can read the block, hundreds of ms before under load.
    const wait = { timeout: 20_000, pollingInterval: 20 }
    await Promise.all(hashes.map((hash) => anvil.client.waitForTransactionReceipt({ hash, ...wait })))
  }
  /** Replaces the newest `depth` blocks by empty ones at other times. */
  const reorg = async (depth: number) => {
    await anvil.client.increaseTime({ seconds: 1 })
    await anvil.client.request({ method: 'anvil_reorg' as 'anvil_reset', params: [depth, []] as never })
  }
  const setPolicy = (unitsPerVcpu: readonly number[], platformBps: number) =>
    send(OWNER, pricePolicy, pricePolicyAbi, 'setParameters', [
      { point: 5_000n, memoryGiB: 2_500n, diskGiB: 50n, gpu: 50_000n },
      { point: 10_000n, memoryGiB: 5_000n, diskGiB: 100n, gpu: 100_000n },
      unitsPerVcpu,
      [8_000, 10_000, 12_000, 15_000],
      [5_000, 15_000, 40_000, 40_000],
      platformBps,
    ])
  let templates = 0
  /** Publishes a template with a fee. @returns its index. */
  const publish = async (author: number, fee: bigint, refundWindow: number) => {
    templates += 1
    const draft = {
      fee,
      refundWindow,
      minimum: { vcpus: 1, gpus: 0, memoryMiB: 256, diskGiB: 1 },
      contentHash: keccak256('0x1234'),
      content: '0x1234',
      uri: '',
    }
    await call(author, 'templateRegistry', 'create', [`template-${templates}`, draft])
    return templates
  }
  return {
    openMany,
    reorg,
    setPolicy,
    publish,
    call,
    deployment,
    escrow,
    registry,
    register,
    fund,
    open,
    leaseOf,
    terms,
    idOf,
  }
}
