// The contracts on the simulated chain, once for all seeds: deployed, three nodes registered, two tenants with money.
import { CONTRACTS, type Deployment, mockUSDCAbi } from '@decloud/protocol'
import {
  type Abi,
  createPublicClient,
  createWalletClient,
  custom,
  defineChain,
  encodeFunctionData,
  type Hex,
  keccak256,
  toHex,
} from 'viem'
import {
  deployMockUsdc,
  deployProtocol,
  deploySatellites,
  type FullDeployment,
} from '../../scripts/lib/deploy.ts'
import { type Evm, GENESIS, SIM_CHAIN_ID, startEvm } from './evm.ts'

/** Accounts of the mnemonic. */
export const ROLE = {
  owner: 0,
  tenant: 1,
  operator: 2,
  agent: 3,
  keeper: 4,
  otherTenant: 5,
  stranger: 8,
  attesters: [9, 6, 7],
  guardian: 10,
} as const
export const NODES = 3
export const agentOf = (node: number): number => (node === 1 ? ROLE.agent : 100 + node)

const ABIS = { usdc: mockUSDCAbi, ...CONTRACTS } as const
export type ContractName = keyof typeof ABIS

/** A call that an account of the mnemonic sends. */
export type Call = { from: number; contract: ContractName; name: string; args: readonly unknown[] }

export type Market = {
  evm: Evm
  deployment: FullDeployment
  /** Puts a transaction in the pool; whether the contract takes it shows in the block. */
  send(call: Call): Promise<void>
}

const GAS = toHex(5_000_000)
const FEE = toHex(100_000_000_000n)

export const openMarket = async (): Promise<Market> => {
  const evm = await startEvm()
  // Times of blocks must not come from this machine's clock.
  let clock = GENESIS
  const tick = async () => {
    clock += 2
    await evm.request('evm_setNextBlockTimestamp', [clock])
  }
  const request = async ({ method, params }: { method: string; params?: readonly unknown[] }) => {
    if (method === 'eth_sendRawTransaction') await tick()
    return evm.request(method, params)
  }
  const transport = custom({ request }, { retryCount: 0 })
  const chain = defineChain({
    id: SIM_CHAIN_ID,
    name: 'Simulated',
    nativeCurrency: { name: 'Coin', symbol: 'POL', decimals: 18 },
    rpcUrls: { default: { http: [] } },
  })
  const owner = evm.account(ROLE.owner)
  const deployer = {
    wallet: createWalletClient({ account: owner, chain, transport }),
    reader: createPublicClient({ chain, transport, pollingInterval: 5, cacheTime: 0 }),
  }
  const usdc = await deployMockUsdc(deployer)
  const core = await deployProtocol(deployer, {
    usdc,
    owner: owner.address,
    platformPayee: owner.address,
  })
  const deployment = await deploySatellites(deployer, core, {
    guardian: evm.account(ROLE.guardian).address,
    scheduler: evm.account(ROLE.keeper).address,
    attesters: ROLE.attesters.map((index) => evm.account(index).address),
  })
  const send = (call: Call) => submit(evm, deployment, call)
  for (const call of opening(evm, deployment)) {
    await tick()
    await send(call)
  }
  await evm.request('evm_setAutomine', [false])
  return { evm, deployment, send }
}

const submit = async (evm: Evm, deployment: Deployment, { from, contract, name, args }: Call) => {
  const data: Hex = encodeFunctionData({ abi: ABIS[contract] as Abi, functionName: name, args })
  await evm.request('eth_sendTransaction', [
    {
      from: evm.account(from).address,
      to: deployment[contract],
      data,
      gas: GAS,
      maxFeePerGas: FEE,
      maxPriorityFeePerGas: '0x1',
    },
  ])
}

const opening = (evm: Evm, { leaseEscrow }: Deployment): Call[] => {
  const { owner, operator, tenant, otherTenant } = ROLE
  const nodes = Array.from({ length: NODES }, (_, i) => i + 1)
  return [
    ...nodes.map(
      (node): Call => ({
        from: operator,
        contract: 'nodeRegistry',
        name: 'register',
        args: [
          {
            machineId: keccak256(toHex(`machine ${node}`)),
            agent: evm.account(agentOf(node)).address,
            sealingKey: keccak256(toHex(`sealing ${node}`)),
            region: '0x65752d7765737400',
            minCharge: 60,
            notice: 0,
            capacity: { pointUnits: 12_000n, memoryMiB: 1_000_000n, diskGiB: 60_000n, gpus: 0 },
            prices: { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n },
            endpoint: `https://node-${node}.example`,
          },
        ],
      }),
    ),
    ...[tenant, otherTenant, operator].flatMap((index): Call[] => [
      {
        from: owner,
        contract: 'usdc',
        name: 'mint',
        args: [evm.account(index).address, 10_000_000_000n],
      },
      { from: index, contract: 'usdc', name: 'approve', args: [leaseEscrow, 10_000_000_000n] },
    ]),
    ...[2, 3].map(
      (node): Call => ({ from: operator, contract: 'nodeRegistry', name: 'setRelayOffer', args: [node, 5] }),
    ),
    {
      from: otherTenant,
      contract: 'templateRegistry',
      name: 'create',
      args: [
        'template-1',
        {
          fee: 100_000n,
          refundWindow: 600,
          minimum: { vcpus: 1, gpus: 0, memoryMiB: 256, diskGiB: 1 },
          contentHash: keccak256('0x1234'),
          content: '0x1234',
          uri: '',
        },
      ],
    },
  ]
}
