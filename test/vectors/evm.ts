// The libraries, run in the EVM: what the vectors and the mirror are held to.
import { readFile } from 'node:fs/promises'
import { type Abi, decodeFunctionResult, encodeFunctionData, type Hex } from 'viem'
import { type Anvil, startAnvil } from '../world/anvil.ts'
import type { BillingCase, PricingCase, SharesCase } from './cases.ts'

const ARTIFACT = new URL(
  '../../build/hardhat/artifacts/contracts/src/mocks/LibraryHarness.sol/LibraryHarness.json',
  import.meta.url,
)

export type Evm = {
  pricing(c: PricingCase): Promise<bigint>
  billing(c: BillingCase): Promise<{ accrued: bigint; runsOutAt: bigint }>
  shares(c: SharesCase): Promise<{ platform: bigint; relay: bigint; node: bigint }>
  stop(): Promise<void>
}

export const startEvm = async (): Promise<Evm> => {
  const { abi, bytecode } = JSON.parse(await readFile(ARTIFACT, 'utf8')) as { abi: Abi; bytecode: Hex }
  const anvil = await startAnvil()
  try {
    return { ...(await harness(anvil, abi, bytecode)), stop: () => anvil.stop() }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

const harness = async (anvil: Anvil, abi: Abi, bytecode: Hex): Promise<Omit<Evm, 'stop'>> => {
  const hash = await anvil.wallet(0).deployContract({ abi, bytecode })
  const { contractAddress } = await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  const call = async (functionName: string, args: readonly unknown[]): Promise<unknown> => {
    const { data } = await anvil.client.call({
      to: contractAddress!,
      data: encodeFunctionData({ abi, functionName, args }),
    })
    return decodeFunctionResult({ abi, functionName, data: data! })
  }
  return {
    pricing: async ({ pointUnits, memoryMiB, diskGiB, gpus, ...rest }) =>
      (await call('pricePerHour', [
        { pointUnits, memoryMiB, diskGiB, gpus },
        rest.node,
        rest.defaults,
        rest.floors,
        rest.multiplierBps,
        rest.bandwidthRate,
      ])) as bigint,
    billing: async ({ paidBefore, pricePerHour, startedAt, credited, timestamp, deposited }) => ({
      accrued: (await call('accrued', [paidBefore, pricePerHour, startedAt, credited, timestamp])) as bigint,
      runsOutAt: (await call('runsOutAt', [
        paidBefore,
        pricePerHour,
        startedAt,
        credited,
        deposited,
      ])) as bigint,
    }),
    shares: async ({ amount, platformBps, relayBps }) => {
      const [platform, relay, node] = (await call('shares', [amount, platformBps, relayBps])) as [
        bigint,
        bigint,
        bigint,
      ]
      return { platform, relay, node }
    },
  }
}
