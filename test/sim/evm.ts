// The EVM that the simulated world runs on: EDR, the machine behind Hardhat, in this process. Its clock is ours and nothing
// in it is random, so that the same calls give the same block hashes.
import {
  type AccountOverride,
  ContractDecoder,
  EdrContext,
  L1_CHAIN_TYPE,
  L1Hardfork,
  l1GenesisState,
  l1HardforkToString,
  l1ProviderFactory,
  MineOrdering,
} from '@nomicfoundation/edr'
import { toBytes, toHex } from 'viem'
import type { HDAccount } from 'viem/accounts'
import { accountOf } from '../world/accounts.ts'

/** Polygon's id: with that of a development chain the feed would believe in chains that a person cuts short. */
export const SIM_CHAIN_ID = 137
/** Unix seconds of the first block. */
export const GENESIS = 1_800_000_000

const COIN = 10n ** 18n
const OWNED = [...Array.from({ length: 12 }, (_, i) => i), 102, 103, 104]

export type Evm = {
  /** @throws the node's own error, with `code` and `message`. */
  request<result = unknown>(method: string, params?: readonly unknown[]): Promise<result>
  account(index: number): HDAccount
}

type Answer = { result?: unknown; error?: { code: number; message: string; data?: unknown } }

let shared: Promise<EdrContext> | undefined

/** One a process: EDR allows no second. */
const contextOf = (): Promise<EdrContext> => {
  shared ??= (async () => {
    const context = new EdrContext()
    await context.registerProviderFactory(L1_CHAIN_TYPE, l1ProviderFactory())
    return context
  })()
  return shared
}

export const startEvm = async (): Promise<Evm> => {
  const context = await contextOf()
  const hardfork = L1Hardfork.Osaka
  const rich: AccountOverride[] = OWNED.map((index) => ({
    address: toBytes(accountOf(index).address),
    balance: 1_000_000n * COIN,
  }))
  const provider = await context.createProvider(
    L1_CHAIN_TYPE,
    {
      allowBlocksWithSameTimestamp: false,
      allowUnlimitedContractSize: false,
      bailOnCallFailure: true,
      bailOnTransactionFailure: false,
      chainId: BigInt(SIM_CHAIN_ID),
      coinbase: new Uint8Array(20),
      defaultTransactionGasLimit: 16_000_000n,
      genesisState: [...rich, ...l1GenesisState(hardfork)],
      hardfork: l1HardforkToString(hardfork),
      initialBaseFeePerGas: 1_000_000_000n,
      minGasPrice: 0n,
      mining: { autoMine: true, blockGasLimit: 60_000_000n, memPool: { order: MineOrdering.Fifo } },
      network: { genesisBlockGasLimit: 60_000_000n, genesisBlockTime: BigInt(GENESIS) },
      networkId: BigInt(SIM_CHAIN_ID),
      observability: {},
      ownedAccounts: OWNED.map((index) => toHex(accountOf(index).getHdKey().privateKey!)),
      precompileOverrides: [],
    },
    { enable: false, decodeConsoleLogInputsCallback: () => [], printLineCallback: () => {} },
    { subscriptionCallback: () => {} },
    new ContractDecoder(),
  )
  let id = 0
  const request = async <result>(method: string, params: readonly unknown[] = []): Promise<result> => {
    id += 1
    const response = await provider.handleRequest(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    const data: unknown = response.data
    const answer = (typeof data === 'string' ? JSON.parse(data) : data) as Answer
    if (answer.error === undefined) return answer.result as result
    throw Object.assign(new Error(`${method}: ${answer.error.message}`), answer.error)
  }
  return { request, account: accountOf }
}
