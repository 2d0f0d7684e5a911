// A node's own word, all the way: found out by the agent, signed by it, served to insiders and taken by a keeper; and
// what a command finds out beside the running agent follows by itself.
import { join } from 'node:path'
import {
  type ProbeFacts,
  type SignedFacts,
  signedFactsSchema,
  verifyFacts,
} from '@decloud/protocol/wire/facts'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { readOperatorToken } from '../../agent/src/access/operator-token.ts'
import { openFactsStore } from '../../agent/src/state/node-facts-store.ts'
import { startWorld, type World } from '../world/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ hypervisor: 'simulated', overrides: () => ({ factsMs: 250 }) })
})
afterAll(() => world?.close())

const PATIENT = { timeout: 90_000, interval: 50 }

const dataDir = () => join(world.directory, 'node-0')
const atKeeper = async (): Promise<SignedFacts | null> => {
  const response = await fetch(`${world.keeper.url}/api/marketplace/nodes/1`)
  expect(response.status).toBe(200)
  return ((await response.json()) as { facts: { signed: SignedFacts } | null }).facts?.signed ?? null
}
const atAgent = (headers: Record<string, string> = {}) =>
  fetch(`${world.nodes[0]!.agent().url}/v1/node`, { headers })

it('is found out, signed by the agent of the registry, and shown by the keeper', async () => {
  const signed = await vi.waitFor(async () => {
    const found = await atKeeper()
    expect(found?.facts.machine).toHaveProperty('value')
    return signedFactsSchema.parse(found)
  }, PATIENT)
  const agent = world.anvil.account(world.nodes[0]!.registered.agent).address
  await verifyFacts(world.deployment, signed, agent)
  // Of this very machine: its memory is the one fact that every Linux tells.
  expect(signed.facts.machine).toMatchObject({ value: { memoryMiB: { value: expect.any(Number) } } })
  expect(signed.facts).toMatchObject({
    benchmark: { unknown: expect.any(String) },
    probe: { unknown: expect.any(String) },
  })
}, 120_000)

it('is told by the agent to insiders alone', async () => {
  expect((await atAgent()).status).toBe(401)
  expect((await atAgent({ authorization: `Bearer dco_${'A'.repeat(43)}` })).status).toBe(401)
  const answer = await atAgent({ authorization: `Bearer ${readOperatorToken(dataDir())}` })
  expect(answer.status).toBe(200)
  expect(signedFactsSchema.parse(await answer.json())).toEqual(await atKeeper())
})

it('follows what a command finds out while the agent runs', async () => {
  const probe: ProbeFacts = {
    ...{
      takenAt: Math.floor(Date.now() / 1_000),
      outcome: 'simulated',
      acceleration: null,
      kvm: 'not-tried',
    },
    ...{ image: 'tiny', imageSha256: null, secondsToReady: 1.5, message: 'There was no guest.' },
  }
  const store = openFactsStore(dataDir())
  try {
    store.probe.put(probe)
  } finally {
    store.close()
  }
  await vi.waitFor(async () => expect((await atKeeper())?.facts.probe).toEqual({ value: probe }), {
    ...PATIENT,
  })
}, 120_000)
