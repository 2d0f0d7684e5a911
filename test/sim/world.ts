// The chain of one seed: blocks that the real EVM made, kept with their logs, so that RPCs of the simulated world can serve
// the present branch or one that was given up.
import { type Hex, toHex } from 'viem'
import type { Random } from '../world/random.ts'
import type { Call, Market } from './market.ts'

/** As an RPC gives them. */
export type Header = {
  number: Hex
  hash: Hex
  parentHash: Hex
  timestamp: Hex
  logsBloom: Hex
} & Record<string, unknown>
export type Log = {
  address: Hex
  topics: Hex[]
  data: Hex
  blockNumber: Hex
  blockHash: Hex
  transactionHash: Hex
  logIndex: Hex
  removed: boolean
} & Record<string, unknown>
type Block = { header: Header; logs: readonly Log[] }

/** A branch from the first block on; the index is the height. */
export type Branch = readonly Block[]

export type World = {
  branch(): Branch
  /** The logs of the branch that ends with that block, present or given up; `null` for a block that never was. */
  logsThrough(hash: Hex): Log[] | null
  height(): number
  /** Unix seconds of the newest block. */
  time(): number
  /** One block with these calls in it, at `time` or right after the block before. */
  mine(calls: readonly Call[], time: number): Promise<void>
  /** Takes back the newest `depth` blocks; what is mined next is another branch. */
  takeBack(depth: number): Promise<void>
  /** A call at the state after block `height` of the present branch. */
  call(params: unknown, height: number): Promise<unknown>
  /** Leaves the EVM as it was before the seed. */
  close(): Promise<void>
}

const record = async ({ evm }: Market, which: Hex | 'latest'): Promise<Block> => {
  const header = await evm.request<Header>('eth_getBlockByNumber', [which, false])
  const logs = await evm.request<Log[]>('eth_getLogs', [{ blockHash: header.hash }])
  return { header, logs }
}

const openings = new WeakMap<Market, Promise<Branch>>()

const readOpening = async (market: Market): Promise<Branch> => {
  const height = Number(await market.evm.request<Hex>('eth_blockNumber'))
  const blocks: Block[] = []
  for (let i = 0; i <= height; i++) blocks.push(await record(market, toHex(i)))
  return blocks
}

/** One at a time on a market. */
export const makeWorld = async (market: Market, random: Random): Promise<World> => {
  const { evm } = market
  const opening = openings.get(market) ?? readOpening(market)
  openings.set(market, opening)
  const before = await opening
  let branch: Block[] = [...before]
  const first = branch.length - 1
  const ever = new Map<Hex, Block>(branch.map((block) => [block.header.hash, block]))
  const snapshots: Hex[] = []
  const snapshot = async () => {
    snapshots.push(await evm.request<Hex>('evm_snapshot'))
  }
  await snapshot()
  const time = () => Number(branch.at(-1)!.header.timestamp)
  let fresh = false
  return {
    branch: () => branch,
    logsThrough: (hash) => {
      const blocks: Block[] = []
      for (let at = ever.get(hash); at !== undefined; at = ever.get(at.header.parentHash)) blocks.push(at)
      return blocks.length === 0 ? null : blocks.reverse().flatMap(({ logs }) => logs)
    },
    height: () => branch.length - 1,
    time,
    mine: async (calls, at) => {
      for (const call of calls) await market.send(call)
      await evm.request('evm_setNextBlockTimestamp', [Math.max(at, time() + 1)])
      // A branch that holds the same is yet another one.
      if (fresh) await evm.request('hardhat_setPrevRandao', [toHex(random.below(2 ** 32), { size: 32 })])
      fresh = false
      await evm.request('evm_mine')
      const block = await record(market, 'latest')
      branch.push(block)
      ever.set(block.header.hash, block)
      await snapshot()
    },
    takeBack: async (depth) => {
      const height = branch.length - 1 - depth
      const index = height - first
      const id = snapshots[index]
      if (id === undefined) throw new Error(`the world begins above block ${height}`)
      await evm.request('evm_revert', [id])
      snapshots.length = index
      await snapshot()
      branch = branch.slice(0, height + 1)
      fresh = true
    },
    call: (params, height) => evm.request('eth_call', [params, toHex(height)]),
    close: async () => {
      await evm.request('evm_revert', [snapshots[0]!])
    },
  }
}
