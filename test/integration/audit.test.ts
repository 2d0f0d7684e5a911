// The audit against real contracts and true histories, behind RPCs that make it easy and hard.
import { leaseEscrowAbi } from '@decloud/protocol'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TENANT } from '../../chain/test/local.ts'
import { startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import {
  act,
  closeMarket,
  everyEnd,
  leases,
  local,
  openMarket,
  otherActs,
  perform,
  rpcUrl,
  run,
  seed,
} from './audit-market.ts'
import { everyPath } from './audit-paths.ts'

beforeAll(openMarket)
afterAll(closeMarket)

describe('a true history', () => {
  it('adds up over every end of a lease, a revival, a review and a donation', async () => {
    const { revived } = await everyEnd()
    const before = await run()
    expect(before.differences).toEqual([])
    expect(before.leases).toBe(leases.length)
    const lease = await local.anvil.client.readContract({
      address: local.deployment.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'leaseOf',
      args: [revived],
    })
    expect(lease.paidBefore).toBe(300_000n)
    await otherActs['donate']!({ kind: 'donate', pick: 0, amount: 123n }, TENANT)
    const after = await run()
    expect(after.differences).toEqual([])
    expect(after.donated - before.donated).toBe(123n)
    expect(after.obligations).toBe(before.obligations)
  })

  it('adds up over every path: relays, requests, fees, credits, signatures, stacks, roles', async () => {
    const { waiting, credited, released } = await everyPath()
    const { differences, leases: audited } = await run()
    expect(differences).toEqual([])
    expect(audited).toBeGreaterThan(30)
    const read = (functionName: 'leaseOf' | 'templateFeeOf', id: Hex) =>
      local.anvil.client.readContract({
        ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
        functionName,
        args: [id],
      })
    // The paths led where they were to lead.
    expect(await read('leaseOf', waiting)).toMatchObject({ status: 1, node: 0 })
    expect(await read('leaseOf', credited)).toMatchObject({ credited: 900 })
    expect(await read('templateFeeOf', released)).toMatchObject([expect.anything(), 0, 600])
  })

  it(`adds up whatever happens (SEED=${seed})`, { timeout: 240_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 20, maxLength: 40 }), async (acts) => {
        for (const step of acts) await perform(step)
        expect((await run()).differences).toEqual([])
      }),
      { seed, numRuns: 8, endOnFailure: true },
    )
  })

  it('adds up at an earlier block too', async () => {
    const head = await local.anvil.client.getBlockNumber()
    const result = await run({ at: head - 30n })
    expect(result.block).toBe(head - 30n)
    expect(result.differences).toEqual([])
  })
})

/** An RPC in front of the chain that refuses with the sentence that `judge` gives for a call, if it gives one. */
const startProxy = async (
  judge: (call: { method: string; params?: unknown[] }) => Promise<string | undefined>,
) => {
  const proxy = await startRpcProxy(rpcUrl)
  proxy.judge = async (call) => {
    const message = await judge(call)
    return message === undefined ? 'forward' : { error: { code: -32_005, message } }
  }
  return { url: proxy.url, [Symbol.asyncDispose]: () => proxy.close() }
}

describe('an RPC that makes it hard', () => {
  it('is asked for smaller ranges when it refuses large ones', async () => {
    const spans: bigint[] = []
    await using proxy = await startProxy(async ({ method, params }) => {
      if (method !== 'eth_getLogs') return undefined
      const { fromBlock, toBlock } = params![0] as { fromBlock: Hex; toBlock: Hex }
      const span = BigInt(toBlock) - BigInt(fromBlock) + 1n
      if (span > 50n) return 'query exceeds max block range 50'
      spans.push(span)
      return undefined
    })
    expect((await run({ rpcUrl: proxy.url })).differences).toEqual([])
    expect(spans.length).toBeGreaterThan(6)
  })

  it('gives up with a sentence when it refuses a single block', { timeout: 60_000 }, async () => {
    await using proxy = await startProxy(async ({ method }) =>
      method === 'eth_getLogs' ? 'no logs here' : undefined,
    )
    await expect(run({ rpcUrl: proxy.url })).rejects.toMatchObject({
      code: 'rpc-failed',
      message: expect.stringContaining('no logs here'),
    })
  })

  it('is read again when the chain is reorganised between logs and storage', async () => {
    await local.escrow(TENANT, 'deposit', [77n])
    let moved = false
    await using proxy = await startProxy(async ({ method }) => {
      if (method === 'eth_call' && !moved) {
        moved = true
        await local.reorg(1)
        await local.anvil.client.mine({ blocks: 2 })
      }
      return undefined
    })
    const lines: string[] = []
    const result = await run({ rpcUrl: proxy.url, onProgress: (line) => lines.push(line) })
    expect(lines).toContain('the chain was reorganised: reading it again')
    expect(result.differences).toEqual([])
  })
})
