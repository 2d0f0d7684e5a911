import type { AbiParameter } from 'viem'
import { describe, expect, it } from 'vitest'
import * as abis from '../abi/index.ts'
import { refusalOf } from './index.ts'

type ErrorItem = { type: 'error'; name: string; inputs: readonly AbiParameter[] }

const errors = new Map(
  Object.values(abis)
    .flatMap((abi) => abi as readonly { type: string }[])
    .filter((item): item is ErrorItem => item.type === 'error')
    .map((error) => [error.name, error]),
)

/** A figure of its own for each argument, as viem decodes it. */
const sampleOf = ({ type }: AbiParameter, i: number): unknown => {
  if (type === 'address') return `0x${String(i + 1).repeat(40)}`
  if (type === 'string') return `text-${i}`
  const bits = Number(/^uint(\d+)$/.exec(type)?.[1])
  if (bits > 48) return 1_900_000_000n + BigInt(i)
  if (bits > 0) return i + 1
  const bytes = Number(/^bytes(\d+)$/.exec(type)?.[1])
  return `0x${'ab'.repeat(bytes)}`
}

describe('what a contract refuses', () => {
  it('knows of errors at all', () => {
    expect(errors.size).toBeGreaterThan(100)
  })

  it.each([...errors.values()])('$name says what happened and what to do', ({ name, inputs }) => {
    const refusal = refusalOf(name, inputs.map(sampleOf))
    expect(refusal, `${name} has no sentence: give it one in contracts/protocol/refusals`).toBeDefined()
    const { message, hint } = refusal!
    for (const text of [message, hint]) {
      // Of a slug or a region the first character may be a quotation mark.
      expect(text).toMatch(/^["A-Z\d].*\.$/)
      expect(text).not.toMatch(/undefined|NaN|\[object|_/)
    }
  })

  it('names figures in the units of people', () => {
    expect(refusalOf('LeaseEscrow_DepositTooSmall', [1n, 2_500_000n])).toEqual({
      message: '0.000001 USDC are too little: at this price at least 2.50 USDC must be paid in.',
      hint: 'Pay in more.',
    })
    expect(refusalOf('Guard_TooSoon', [1_900_000_000n])?.message).toBe(
      'The guardian may pause again from 2030-03-17 17:46:40 UTC.',
    )
    // A time that no calendar has.
    expect(refusalOf('Guard_TooSoon', [2n ** 255n])?.message).toContain(`second ${2n ** 255n}`)
  })

  it('tells a notice that was not given from one that is not over', () => {
    const lease = `0x${'ab'.repeat(32)}`
    expect(refusalOf('LeaseEscrow_ReclaimNotDue', [lease, 0n, 0n])?.message).toContain('No notice')
    expect(refusalOf('LeaseEscrow_ReclaimNotDue', [lease, 1_900_000_000n, 1_900_604_800n])?.message).toMatch(
      /from 2030-03-17 .* to 2030-03-24/,
    )
  })

  it('has no words for what no contract of ours says', () => {
    for (const name of ['', 'Foreign_Reason', 'toString', '__proto__']) {
      expect(refusalOf(name, [])).toBeUndefined()
    }
  })
})
