import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { type NodeFacts, signedFactsSchema, signFacts, verifyFacts } from './wire/facts.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const stranger = privateKeyToAccount(`0x${'22'.repeat(32)}`)
const scope = { chainId: 31_337, nodeRegistry: `0x${'ab'.repeat(20)}` } as const
const none = { unknown: 'Not asked.' }
const facts: NodeFacts = {
  ...{ node: 7, signedAt: 1_700_000_000, version: '0.1.0', machine: none, probe: none },
  benchmark: {
    value: {
      ...{ takenAt: 1_700_000_000, baseline: 'sysbench-cpu-10000/1', eventsPerSecond: 5_158.02, runs: 5 },
      ...{ steady: true, pointUnits: { value: 123 }, allThreads: none, memoryMiBPerSecond: none },
      ...{ diskMiBPerSecond: none, diskSyncMs: { value: 0.16 } },
    },
  },
}
const refused = { code: 'facts-not-agents' }

describe('signed facts', () => {
  it('are the agent’s, after a journey as JSON in any order of keys too', async () => {
    const signed = await signFacts(scope, facts, account)
    await verifyFacts(scope, signed, account.address)
    const { facts: f, signature } = signed
    const shuffled = { signature, facts: Object.fromEntries(Object.entries(f).reverse()) }
    await verifyFacts(scope, signedFactsSchema.parse(JSON.parse(JSON.stringify(shuffled))), account.address)
  })

  it('count for nobody else, nowhere else and in no other wording', async () => {
    const signed = await signFacts(scope, facts, account)
    await expect(verifyFacts(scope, signed, stranger.address)).rejects.toMatchObject(refused)
    await expect(verifyFacts({ ...scope, chainId: 137 }, signed, account.address)).rejects.toMatchObject(
      refused,
    )
    const elsewhere = { ...scope, nodeRegistry: `0x${'cd'.repeat(20)}` } as const
    await expect(verifyFacts(elsewhere, signed, account.address)).rejects.toMatchObject(refused)
    const more = structuredClone(signed)
    if ('value' in more.facts.benchmark) more.facts.benchmark.value.pointUnits = { value: 124 }
    for (const other of [
      more,
      { ...signed, facts: { ...facts, node: 8 } },
      { ...signed, facts: { ...facts, signedAt: 1 } },
    ]) {
      await expect(verifyFacts(scope, other, account.address)).rejects.toMatchObject(refused)
    }
    const broken = { ...signed, signature: `0x${'00'.repeat(65)}` as const }
    await expect(verifyFacts(scope, broken, account.address)).rejects.toMatchObject(refused)
  })

  it('hold a value or a reason, never both, neither, or something else beside', () => {
    const parse = (machine: unknown) =>
      signedFactsSchema.safeParse({ facts: { ...facts, machine }, signature: `0x${'00'.repeat(65)}` }).success
    expect(parse(none)).toBe(true)
    for (const odd of [
      {},
      null,
      { value: null },
      { unknown: '' },
      { ...none, value: 1 },
      { ...none, extra: 1 },
    ])
      expect(parse(odd)).toBe(false)
  })
})
