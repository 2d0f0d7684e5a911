// Five real agents and three keepers on one machine: some find a keeper by gossip, one by HTTP alone, and one keeper is
// killed in the middle of it.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import { SLOT_SECONDS, slotAt } from '@decloud/protocol/wire/heartbeat'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Agent, makeAgent } from '../../agent/src/main.ts'
import { type Local, startLocal } from '../../chain/test/local.ts'
import { makeBeatBooks } from '../../keeper/src/adapters/beats/books.ts'
import { dayOf, hasSlot } from '../../keeper/src/domain/day-bits.ts'
import type { Keeper } from '../../keeper/src/index.ts'
import { type Harness, makeHarness, until } from '../../keeper/test/harness.ts'
import { type RegisteredNode, registerNode, SMALL_NODE } from '../world/market.ts'

const NODES = 5
let local: Local
let harness: Harness
let folder: string
let nodes: RegisteredNode[]
const agents = new Map<number, Agent>()

beforeAll(async () => {
  local = await startLocal({ blockTime: 1 })
  harness = await makeHarness(local)
  folder = await mkdtemp(join(tmpdir(), 'beats-'))
  nodes = []
  for (let nth = 0; nth < NODES; nth++) {
    const agentFunds = 10n ** 18n
    const offer = { nth, offer: SMALL_NODE, endpoint: 'http://127.0.0.1:1', agentFunds }
    nodes.push(await registerNode(local.anvil, local.deployment, offer))
  }
})
afterAll(async () => {
  await Promise.all([...agents.values()].map((agent) => agent.close()))
  await harness?.close()
  await local?.stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const startAgent = async ({ node, agent, sealingKey }: RegisteredNode, keepers: string[]) => {
  const started = await makeAgent(
    {
      rpcUrls: [local.anvil.rpcUrl],
      deployment: local.deployment,
      node,
      dataDir: join(folder, `node-${node}`),
      hypervisor: 'simulated',
      acceleration: 'auto',
      libvirtUri: 'qemu:///system',
      networkName: `beats${node}`,
      networkSubnet: '10.77.0.0/24',
      apiPort: 0,
      keepers,
      logLevel: 'silent',
    },
    { account: local.anvil.account(agent), sealingKeys: new Map([[1, sealingKey.privateKey]]) },
  )
  agents.set(node, started)
}

const hears = (keeper: Keeper, node: number) => keeper.heartbeats.liveness.isOnline(node) === true
const wayOf = async (node: number) => (await agents.get(node)!.health()).beats?.via

/** Slots of a node that a keeper has on disk. */
const written = (dataDir: string, node: number): Set<number> => {
  const db = openDatabase(join(dataDir, 'local.sqlite'))
  try {
    const day = dayOf(slotAt(Date.now() / 1_000))
    const slots = [day - 1, day].flatMap((one) => {
      const bits = makeBeatBooks(db).heardOf(node, one)
      return Array.from({ length: 5_760 }, (_, i) => one * 5_760 + i).filter((slot) => hasSlot(bits, slot))
    })
    return new Set(slots)
  } finally {
    db.close()
  }
}

describe('three keepers and five agents', () => {
  it('hear one another, and a keeper that was killed hears again and counts nothing twice', async () => {
    const folders = Array.from({ length: 3 }, () => harness.freshFolder())
    const first = await harness.boot({ dataDir: folders[0]! }, null)
    const second = await harness.boot(
      { dataDir: folders[1]!, gossip: { bootstrap: [...first.heartbeats.addresses()] } },
      null,
    )
    // A process of its own, so that it can be killed; at an address that stays.
    const listen = [`/ip4/127.0.0.1/tcp/${await freePort()}`]
    const bootstrap = [...second.heartbeats.addresses()]
    const raw = { ...harness.raw({ dataDir: folders[2]!, logLevel: 'info' }), gossip: { listen, bootstrap } }
    const third = await harness.spawnKeeper(raw)
    const [, address] = await third.says(/"addresses":\["([^"]+)"\]/)

    const [one, two] = [first, second].map(({ heartbeats }) => [...heartbeats.addresses()])
    await startAgent(nodes[0]!, one!)
    await startAgent(nodes[1]!, two!)
    await startAgent(nodes[2]!, [address!])
    await startAgent(nodes[3]!, [...one!, address!])
    // Nobody answers there: what is left is HTTP, and that keeper tells the others.
    await startAgent(nodes[4]!, ['/ip4/127.0.0.1/tcp/1', second.url])

    const all = nodes.map(({ node }) => node)
    await until(() => all.every((node) => hears(first, node) && hears(second, node)), 'all heard', 30_000)
    await until(() => all.every((node) => written(folders[2]!, node).size > 0), 'the third, too', 30_000)
    expect(await Promise.all(all.map(wayOf))).toEqual(['gossip', 'gossip', 'gossip', 'gossip', 'http'])

    third.child.kill('SIGKILL')
    await third.ended
    const before = new Map(all.map((node) => [node, written(folders[2]!, node)]))
    // A whole slot goes by without it.
    const killedIn = slotAt(Date.now() / 1_000)
    await until(() => slotAt(Date.now() / 1_000) > killedIn + 1, 'a slot', 2 * SLOT_SECONDS * 1_000 + 5_000)
    const again = await harness.spawnKeeper(raw)
    await again.says(/"addresses":\["([^"]+)"\]/)
    const startedIn = slotAt(Date.now() / 1_000)
    await until(
      () => all.every((node) => Math.max(...written(folders[2]!, node)) > startedIn),
      'heard again',
      4 * SLOT_SECONDS * 1_000,
    )
    again.child.kill('SIGKILL')
    await again.ended
    await Promise.all([...agents.values()].map((agent) => agent.close()))
    const newest = (keeper: Keeper, node: number) => keeper.heartbeats.liveness.lastBeat(node)?.slot
    await until(() => all.every((node) => newest(first, node) === newest(second, node)), 'what is on its way')
    for (const keeper of [first, second]) await keeper.close()
    for (const node of all) {
      const [a, b, c] = folders.map((dataDir) => written(dataDir, node))
      // What was on disk stayed there.
      for (const slot of before.get(node)!) expect(c!.has(slot)).toBe(true)
      expect(c!.has(killedIn + 1)).toBe(false)
      // This one knows the third keeper alone.
      if (node === nodes[2]!.node) continue
      expect([...a!]).toEqual([...b!])
      for (const slot of c!) expect(a!.has(slot)).toBe(true)
      // No slot without a beat for those who listened all the time.
      const slots = [...a!].sort((x, y) => x - y)
      expect(slots).toEqual(Array.from({ length: slots.length }, (_, i) => slots[0]! + i))
      expect(slots).toContain(killedIn + 1)
    }
  }, 150_000)
})
