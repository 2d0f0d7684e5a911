// `npm run test:differential`: random cases, the TypeScript mirror against the libraries in the EVM.
import fc from 'fast-check'
import { billingCase, pricingCase, sharesCase } from '../test/vectors/cases.ts'
import { type Evm, startEvm } from '../test/vectors/evm.ts'
import { mirror } from '../test/vectors/mirror.ts'
import { readFlags } from './lib/flags.ts'

const HELP = `usage: npm run test:differential -- [--cases N] [--seed S]

Draws N cases (10,000 when not said), a third each of prices, bills and splits, and compares what the TypeScript
mirror says with what the EVM says. The same N and S draw the same cases. Exits 1 at the first difference.`
const CHUNK = 3_000
const MAX_CASES = 1_000_000_000

type Run<input> = (input: input) => unknown
const KINDS = ['pricing', 'billing', 'shares'] as const
type Kind = (typeof KINDS)[number]

const text = (value: unknown): string =>
  JSON.stringify(value, (_, v) => (typeof v === 'bigint' || typeof v === 'number' ? `${v}` : v))

/** Compares `count` cases of one kind; the difference found first, or nothing. */
const compare = async (evm: Evm, kind: Kind, count: number, seed: number): Promise<string | undefined> => {
  const arbitrary: fc.Arbitrary<unknown> = { pricing: pricingCase, billing: billingCase, shares: sharesCase }[
    kind
  ]
  const cases = fc.sample(arbitrary, { numRuns: count, seed })
  const outputs = await Promise.all(cases.map(evm[kind] as Run<unknown>))
  for (const [i, input] of cases.entries()) {
    const expected = text(outputs[i])
    const actual = text((mirror[kind] as Run<unknown>)(input))
    if (actual !== expected) return `${kind} ${text(input)}\n  EVM        ${expected}\n  TypeScript ${actual}`
  }
  return undefined
}

const { whole } = readFlags(HELP, {
  cases: { type: 'string', default: '10000' },
  seed: { type: 'string', default: `${Date.now() % 2 ** 31}` },
})
const [total, seed] = [whole('cases', 1, MAX_CASES), whole('seed', 0, 2 ** 31 - 1)]
console.log(`${total} cases, seed ${seed}`)

const evm = await startEvm()
const started = performance.now()
let done = 0
let reported = started
try {
  for (let chunk = 0; done < total && process.exitCode === undefined; chunk++) {
    const kind = KINDS[chunk % KINDS.length]!
    const count = Math.min(CHUNK, Math.ceil(total / KINDS.length), total - done)
    const difference = await compare(evm, kind, count, (seed + chunk) | 0)
    if (difference !== undefined) {
      console.error(`difference within cases ${done + 1} to ${done + count}, seed ${seed}:\n${difference}`)
      process.exitCode = 1
    }
    done += count
    if (performance.now() - reported > 5_000) {
      reported = performance.now()
      console.log(`${done} of ${total} in ${((reported - started) / 1000).toFixed(0)} s`)
    }
  }
} finally {
  await evm.stop()
}
if (process.exitCode === undefined) {
  console.log(`no difference in ${done} cases, ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
