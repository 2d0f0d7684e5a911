import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type NodeFacts, signFacts } from '@decloud/protocol/wire/facts'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { saidByNode } from '../src/features/nodes/queries/said.ts'

const agent = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const stranger = privateKeyToAccount(`0x${'22'.repeat(32)}`)
const scope = { chainId: 31_337, nodeRegistry: `0x${'ab'.repeat(20)}` } as const
const none = { unknown: 'Not asked.' }
const facts: NodeFacts = {
  node: 7,
  signedAt: 9,
  version: '0.1.0',
  machine: none,
  benchmark: none,
  probe: none,
}
const audit = {
  ...{ attribute: `0x${'33'.repeat(32)}`, name: 'datacentre', auditor: stranger.address },
  ...{ issuedAt: 1, expiresAt: 2 },
}

describe('what a node says of itself', () => {
  let answer: { status: number; body: string }
  const server = createServer((_, response) => {
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
  })
  const ask = (url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`) =>
    saidByNode(url, 7, scope, agent.address)
  const gives = (body: unknown, status = 200) => {
    answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) }
  }
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

  it('is shown when its agent signed it, beside what auditors say', async () => {
    const signed = await signFacts(scope, facts, agent)
    gives({ facts: { signed, heardAt: 10 }, attributes: [audit] })
    expect(await ask()).toEqual({ kind: 'said', facts: { signed, heardAt: 10 }, attributes: [audit] })
  })

  it('is not shown when somebody else did, or of another node or wording: a keeper is not believed', async () => {
    const signed = await signFacts(scope, facts, agent)
    for (const forged of [
      await signFacts(scope, facts, stranger),
      await signFacts(scope, { ...facts, node: 8 }, agent),
      { ...signed, facts: { ...facts, probe: { unknown: 'Changed on the way.' } } },
    ]) {
      gives({ facts: { signed: forged, heardAt: 10 }, attributes: [audit] })
      expect(await ask()).toEqual({ kind: 'forged', attributes: [audit] })
    }
  })

  it('is nothing when the keeper has nothing, answers nonsense or not at all', async () => {
    gives({ facts: null, attributes: [audit] })
    expect(await ask()).toEqual({ kind: 'silent', attributes: [audit] })
    for (const [body, status] of [
      ['{}', 200],
      ['not json', 200],
      ['{}', 503],
    ] as const) {
      gives(body, status)
      expect(await ask()).toEqual({ kind: 'silent', attributes: [] })
    }
    expect(await ask('http://127.0.0.1:1')).toEqual({ kind: 'silent', attributes: [] })
  })
})
