// `status` beside a running agent, asked with the operator's token of its data folder.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runLine } from '../../src/cli/line.ts'
import { type Bench, makeBench, until } from '../helpers/node.ts'

describe('status', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeBench()
  })
  afterAll(() => bench?.close())

  const status = async (port: string) => {
    const { dataDir, rpcUrls, deployment, node } = bench.config
    const file = join(dataDir, 'node.json')
    await writeFile(file, JSON.stringify({ dataDir, rpcUrls, deployment, node }))
    let out = ''
    const code = await runLine(['status', '--port', port, '--json'], {
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
})
