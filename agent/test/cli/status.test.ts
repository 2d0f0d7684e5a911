// `status` beside a running agent, asked with the operator's token of its data folder.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Hex, hexToBigInt } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRpcProxy } from '../../../chain/test/rpc-proxy.ts'
import { runLine } from '../../src/cli/line.ts'
import { type Bench, makeBench, until } from '../helpers/node.ts'

describe('status', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeBench()
  })
  afterAll(() => bench?.close())

  const status = (port: string) => run(['status', '--port', port])
  const run = async (args: readonly string[], rpcUrls: readonly string[] = bench.config.rpcUrls) => {
    const { dataDir, deployment, node } = bench.config
    const file = join(dataDir, 'node.json')
    await writeFile(file, JSON.stringify({ dataDir, rpcUrls, deployment, node }))
    let out = ''
    const code = await runLine([...args, '--json'], {
      env: { DECLOUD_NODE_CONFIG: file },
      signal: new AbortController().signal,
      out: (text) => {
        out += text
      },
      err: () => {},
    })
    return { code, json: JSON.parse(out) as Record<string, unknown> }
  }

  it('tells what agent and chain say of the same lease', async () => {
    const agent = await bench.start()
    const leaseId = await bench.open()
    await until(agent, leaseId, ({ status }) => status === 'Running')
    const { code, json } = await status(new URL(agent.url).port)
    expect(json).toMatchObject({
      ...{ agentError: null, chainError: null, health: { node: 1, guests: { running: 1 } } },
      leases: [{ leaseId, vm: { status: 'Running' } }],
      chain: { node: 1, active: true, balanced: true, leases: [{ leaseId, status: 'Active' }] },
    })
    expect(code).toBe((json['health'] as { status: string }).status === 'ok' ? 0 : 1)
    await agent.close()
    const alone = await status(new URL(agent.url).port)
    expect(alone).toMatchObject({ code: 1, json: { health: null, chain: { leases: [{ leaseId }] } } })
    expect(alone.json['agentError']).toContain('No agent answers')
  })

  it('asks the RPC only for the history that the agent has not stored', async () => {
    const agent = await bench.start()
    const proxy = await startRpcProxy(bench.config.rpcUrls[0]!)
    try {
      const first: bigint[] = []
      proxy.judge = ({ method, params }) => {
        if (method === 'eth_getLogs') first.push(hexToBigInt((params![0] as { fromBlock: Hex }).fromBlock))
        return 'forward'
      }
      const deployed = BigInt(bench.deployment.fromBlock)
      await bench.anvil.client.mine({ blocks: 5 })
      const books = await run(['earnings'])
      expect(books).toMatchObject({ code: 0, json: { leases: [{ role: 'node' }] } })
      // Until what is final was read twice the agent's word does not count.
      const beside = async (args: readonly string[]) => {
        first.length = 0
        const { json } = await run(args, [proxy.url])
        return { json, lowest: first.reduce((low, from) => (from < low ? from : low), 1n << 64n) }
      }
      await expect
        .poll(async () => (await beside(['earnings'])).lowest, { timeout: 10_000 })
        .toBeGreaterThan(deployed)
      expect((await beside(['earnings'])).json['totals']).toEqual(books.json['totals'])
      expect((await beside(['status'])).lowest).toBeGreaterThan(deployed)
      expect((await beside(['profile', 'get'])).lowest).toBeGreaterThan(deployed)
      await agent.close()
      const alone = await beside(['status'])
      expect(alone.lowest).toBeGreaterThan(deployed)
      expect(alone.json).toMatchObject({ chain: { balanced: true } })
    } finally {
      await agent.close()
      await proxy.close()
    }
  })
})
