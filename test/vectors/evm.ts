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

// A few thousand gas each: well inside the gas of one call.
const BATCH = 500

type Waiting = { call: Hex; resolve: (result: Hex) => void; reject: (error: unknown) => void }

/** What is asked in one turn of the event loop goes out together, `BATCH` calls a request, one request at a time. */
const batched = (many: (calls: readonly Hex[]) => Promise<readonly Hex[]>) => {
  const queue: Waiting[] = []
  let flushing = false
  const flush = async () => {
    while (queue.length > 0) {
      const batch = queue.splice(0, BATCH)
      try {
        const results = await many(batch.map(({ call }) => call))
        batch.forEach(({ resolve }, i) => {
          resolve(results[i]!)
        })
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    flushing = false
  }
  return (call: Hex): Promise<Hex> =>
    new Promise((resolve, reject) => {
      queue.push({ call, resolve, reject })
      if (flushing) return
      flushing = true
      setImmediate(flush)
    })
}

const harness = async (anvil: Anvil, abi: Abi, bytecode: Hex): Promise<Omit<Evm, 'stop'>> => {
  const hash = await anvil.wallet(0).deployContract({ abi, bytecode })
  const { contractAddress } = await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  const many = async (calls: readonly Hex[]): Promise<readonly Hex[]> => {
    const { data } = await anvil.client.call({
      to: contractAddress!,
      data: encodeFunctionData({ abi, functionName: 'many', args: [calls] }),
    })
    return decodeFunctionResult({ abi, functionName: 'many', data: data! }) as readonly Hex[]
  }
  const ask = batched(many)
  const call = async (functionName: string, args: readonly unknown[]): Promise<unknown> =>
    decodeFunctionResult({
      abi,
      functionName,
      data: await ask(encodeFunctionData({ abi, functionName, args })),
    })
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
