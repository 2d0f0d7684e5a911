// `kill -9` of the agent around a credit, the one transaction that would count twice if it were made twice.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openDatabase } from '@decloud/chain'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askNode } from '../../../scripts/lib/node-session.ts'
import { waitActive } from '../../../scripts/lib/tenant-view.ts'
import { randomFrom } from '../../../test/world/random.ts'
import { readOperatorToken } from '../../src/access/operator-token.ts'
import { healthSchema } from '../../src/api/health.ts'
import { type Bench, makeBench } from '../helpers/node.ts'
import { entrust, eventsOf, eventually } from './helpers.ts'
import { type AgentProcess, environmentOf, startProcess } from './process.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const KILLS = 5

let bench: Bench
let dataDir: string
let env: Record<string, string>
let leaseId: Hex
let running: AgentProcess
const start = () => {
  running = startProcess(env)
  return running
}

beforeAll(async () => {
  bench = await makeBench()
  dataDir = await mkdtemp(join(tmpdir(), 'decloud-killed-'))
  env = await environmentOf(bench, dataDir)
  await start().up
  leaseId = await bench.open({ hours: 4, holdBack: 7_200 })
  await waitActive(bench.tenant, leaseId, { endpoint: null })
  await entrust(bench)
  // Time to give back: it must have been owed first.
  await bench.anvil.moveTime(3_600)
})
afterAll(async () => {
  await running?.kill()
  await bench?.close()
  await rm(dataDir, { recursive: true, force: true })
})

const HALF_HOLD_BACK_MS = 3_600_000

/** As the agent records it, while no agent is there: one that is old enough to be given back now. */
const recordOutage = (nth: number, seconds: number) => {
  const db = openDatabase(join(dataDir, 'agent.db'))
  try {
    const fromMs = Date.now() - HALF_HOLD_BACK_MS - 1_000_000 + nth * 100_000
    // Whatever the restart itself left open is not what is counted here.
    db.prepare('DELETE FROM outages WHERE toMs IS NULL').run()
    db.prepare('INSERT INTO outages VALUES (?, ?, ?, ?, NULL)').run(
      leaseId,
      fromMs,
      fromMs + seconds * 1_000,
      'crashed',
    )
  } finally {
    db.close()
  }
}

const credited = async () =>
  (await eventsOf(bench, 'LeaseCredited', leaseId)).reduce(
    (sum, { args }) => sum + (args as { duration: number }).duration,
    0,
  )

const pending = async () => {
  const pool = await bench.anvil.client.request({ method: 'txpool_status' as never })
  return Number((pool as { pending: Hex }).pending)
}

describe('a credit', () => {
  it('that was on its way when the agent was killed is given once', async () => {
    await running.kill()
    recordOutage(0, 7)
    await bench.anvil.client.setAutomine(false)
    await bench.anvil.client.setIntervalMining({ interval: 0 })
    start()
    // Signed, written and sent; no block takes it.
    await eventually(pending, (count) => count === 1)
    await running.kill()
    expect(await credited()).toBe(0)
    await bench.anvil.client.setIntervalMining({ interval: 1 })
    await bench.anvil.client.setAutomine(true)
    await eventually(credited, (seconds) => seconds > 0)
    // It is in the chain and in no book: the next agent has to find that out, before it gives the next one.
    recordOutage(1, 11)
    await start().up
    expect(await eventually(credited, (seconds) => seconds > 7)).toBe(18)
    expect(await eventsOf(bench, 'LeaseCredited', leaseId)).toHaveLength(2)
  })

  it(`is given once, whenever the agent is killed (SEED=${SEED})`, async () => {
    const random = randomFrom(SEED)
    await running.kill()
    let owed = await credited()
    for (let nth = 0; nth < KILLS; nth++) {
      const seconds = 1 + Math.floor(random() * 20)
      recordOutage(2 + nth, seconds)
      owed += seconds
      start()
      // From before the first read of the chain to after the receipt.
      if (random() < 0.7) await running.up.catch(() => {})
      await delay(random() * 600)
      await running.kill()
    }
    recordOutage(2 + KILLS, 3)
    owed += 3
    const url = await start().up
    const idle = async () => {
      const health = await askNode(url, '/health', { token: readOperatorToken(dataDir) })
      return healthSchema.parse(health).duties.credit
    }
    await eventually(credited, (seconds) => seconds >= owed)
    await eventually(idle, ({ error }) => error === null)
    expect(await credited()).toBe(owed)
  })
})
