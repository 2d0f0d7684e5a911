// What a keeper takes of a node's own word, and whose word it must be.
import { type NodeFacts, type SignedFacts, signFacts, verifyFacts } from '@decloud/protocol/wire/facts'
import type { LocalAccount } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { AGENT, type Local, OPERATOR, startLocal } from '../../chain/test/local.ts'
import { type Harness, makeHarness } from './harness.ts'

let local: Local
let harness: Harness
beforeAll(async () => {
  local = await startLocal()
  await local.register()
  await local.register()
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
})
afterEach(() => harness.close())

const none = { unknown: 'The test does not say.' }
const now = () => Math.floor(Date.now() / 1_000)
const facts = (signedAt: number, node = 1): NodeFacts => ({
  ...{ node, signedAt, version: '0.1.0', machine: none, benchmark: none },
  probe: {
    value: {
      ...{ takenAt: signedAt, outcome: 'failed', acceleration: null, kvm: 'never-boots', image: 'tiny' },
      ...{ imageSha256: null, secondsToReady: null, message: 'It did not boot.' },
    },
  },
})
const agentOf = (index = AGENT) => local.anvil.account(index)
const sign = (said: NodeFacts, account: LocalAccount = agentOf(), change: object = {}) =>
  signFacts({ ...local.deployment, ...change }, said, account)
const post = async (url: string, body: unknown, node = 1) => {
  const response = await fetch(`${url}/api/nodes/${node}/facts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as { code?: string; outcome?: string } }
}
type Held = { signed: SignedFacts; heardAt: number } | null
const shown = async (url: string, node = 1): Promise<Held> => {
  const response = await fetch(`${url}/api/marketplace/nodes/${node}`)
  return ((await response.json()) as { facts: Held }).facts
}
/** An answer that was given before may be given for a second more. */
const soonShows = (url: string, expected: SignedFacts | null, node = 1) =>
  vi.waitFor(async () => expect((await shown(url, node))?.signed ?? null).toEqual(expected), {
    timeout: 20_000,
    interval: 100,
  })

describe('the facts of a node', () => {
  it('are taken from its agent, shown with the node, and outlive the keeper’s process', async () => {
    const dataDir = harness.freshFolder()
    const first = await harness.boot({ dataDir })
    await first.synced()
    expect(await shown(first.url)).toBeNull()
    const signed = await sign(facts(now()))
    expect(await post(first.url, signed)).toEqual({ status: 200, body: { outcome: 'accepted' } })
    expect(await post(first.url, signed)).toEqual({ status: 200, body: { outcome: 'known' } })
    await first.close()
    const second = await harness.boot({ dataDir })
    await second.synced()
    const held = await shown(second.url)
    expect(held!.signed).toEqual(signed)
    expect(Math.abs(held!.heardAt - now())).toBeLessThan(60)
    // Whoever reads them can check them: the keeper has left nothing out and put nothing in.
    await verifyFacts(local.deployment, held!.signed, agentOf().address)
    expect(await shown(second.url, 2)).toBeNull()
  })

  it('are refused from anybody else, for anything else, and of any other time', async () => {
    const { url, synced } = await harness.boot()
    await synced()
    const at = now()
    const good = await sign(facts(at))
    const cases: [unknown, number, number, string][] = [
      [await sign(facts(at), agentOf(OPERATOR)), 1, 403, 'facts-not-agents'],
      [await sign(facts(at), agentOf(), { chainId: 137 }), 1, 403, 'facts-not-agents'],
      [
        await sign(facts(at), agentOf(), { nodeRegistry: local.deployment.leaseEscrow }),
        1,
        403,
        'facts-not-agents',
      ],
      [{ ...good, facts: { ...good.facts, version: '9' } }, 1, 403, 'facts-not-agents'],
      [await sign(facts(at, 2)), 2, 403, 'facts-not-agents'],
      [good, 2, 400, 'facts-other-node'],
      [await sign(facts(at, 99)), 99, 404, 'node-unknown'],
      [await sign(facts(at + 600)), 1, 422, 'facts-early'],
      [{ ...good, facts: { ...good.facts, extra: 1 } }, 1, 400, 'request-invalid'],
      [{ ...good, facts: { ...good.facts, version: 'x'.repeat(70_000) } }, 1, 413, 'body-too-large'],
    ]
    for (const [body, node, status, code] of cases)
      expect(await post(url, body, node)).toMatchObject({ status, body: { code } })
    expect(await shown(url)).toBeNull()
  })

  it('stand until newer ones come; an older statement does not replace them', async () => {
    const { url, synced } = await harness.boot()
    await synced()
    const at = now()
    const newer = await sign(facts(at))
    expect((await post(url, newer)).status).toBe(200)
    expect(await post(url, await sign(facts(at - 1)))).toMatchObject({
      status: 409,
      body: { code: 'facts-superseded' },
    })
    expect((await shown(url))!.signed).toEqual(newer)
    const newest = await sign(facts(at + 1))
    expect((await post(url, newest)).status).toBe(200)
    await soonShows(url, newest)
  })

  it('are shown no more once the node has another agent, whose word counts from then on', async () => {
    const node = await local.register()
    const { url, synced } = await harness.boot()
    await synced()
    const [former, next] = [agentOf(100 + node), agentOf(200 + node)]
    const signed = await sign(facts(now(), node), former)
    expect((await post(url, signed, node)).status).toBe(200)
    await soonShows(url, signed, node)
    await local.registry(OPERATOR, 'setAgent', [node, next.address])
    await synced()
    await soonShows(url, null, node)
    expect((await post(url, await sign(facts(now() + 1, node), former), node)).status).toBe(403)
    // Older by its clock than what the former one said: that was another's word.
    const own = await sign(facts(now() - 60, node), next)
    expect((await post(url, own, node)).status).toBe(200)
    await soonShows(url, own, node)
  })
})
