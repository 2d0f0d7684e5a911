// The mirror is held to the EVM twice: by the vectors on disk, and by fresh cases of a new seed each run.
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { billingCase, fixedCases, pricingCase, sharesCase } from './cases.ts'
import { type Evm, startEvm } from './evm.ts'
import { mirror } from './mirror.ts'

type Vectors = Record<'pricing' | 'billing' | 'shares', { input: unknown; output: unknown }[]>

const asText = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, v) => (typeof v === 'number' ? `${v}` : typeof v === 'bigint' ? `${v}` : v)),
  )

const vectors = JSON.parse(await readFile(new URL('./vectors.json', import.meta.url), 'utf8')) as Vectors

describe('vectors on disk', () => {
  const cases = fixedCases()

  it.each(['pricing', 'billing', 'shares'] as const)('%s: the mirror gives what the EVM gave', (kind) => {
    expect(vectors[kind].length).toBeGreaterThan(100)
    const inputs = cases[kind] as never[]
    expect(vectors[kind].map((v) => v.input)).toEqual(asText(inputs))
    const run = mirror[kind] as (input: never) => unknown
    inputs.forEach((input, i) => {
      expect(asText(run(input)), `${kind} ${i}: ${JSON.stringify(vectors[kind][i]!.input)}`).toEqual(
        vectors[kind][i]!.output,
      )
    })
  })
})

describe('fresh cases in the EVM', () => {
  let evm: Evm
  beforeAll(async () => {
    evm = await startEvm()
  })
  afterAll(() => evm.stop())

  it('pricing', () =>
    fc.assert(
      fc.asyncProperty(pricingCase, async (c) => {
        expect(await evm.pricing(c)).toBe(mirror.pricing(c))
      }),
      { numRuns: 200 },
    ))

  it('billing', () =>
    fc.assert(
      fc.asyncProperty(billingCase, async (c) => {
        expect(asText(await evm.billing(c))).toEqual(asText(mirror.billing(c)))
      }),
      { numRuns: 200 },
    ))

  it('shares: nested, exact and monotone', () =>
    fc.assert(
      fc.asyncProperty(sharesCase, async (c) => {
        const shares = mirror.shares(c)
        expect(await evm.shares(c)).toEqual(shares)
        expect(shares.platform + shares.relay + shares.node).toBe(c.amount)
        const next = mirror.shares({ ...c, amount: c.amount + 1n })
        for (const who of ['platform', 'relay', 'node'] as const) expect(next[who] >= shares[who]).toBe(true)
      }),
      { numRuns: 200 },
    ))
})
