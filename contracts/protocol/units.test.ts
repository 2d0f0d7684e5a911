import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { divUp, formatUsdc, parseUsdc } from './units.ts'

describe('USDC amounts', () => {
  it.each([
    ['0', 0n],
    ['2.5', 2_500_000n],
    ['0.000001', 1n],
    ['18446744073709.551615', 18_446_744_073_709_551_615n],
  ])('reads %s', (text, amount) => expect(parseUsdc(text)).toBe(amount))

  it.each(['', '-1', '1.0000001', '1e6', '1,5', '.5', '0x10', 'NaN'])(
    'refuses %j with a sentence',
    (text) => {
      expect(() => parseUsdc(text)).toThrowError(/is not an amount of USDC/)
    },
  )

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 128n), (amount) => {
        expect(parseUsdc(formatUsdc(amount))).toBe(amount)
      }),
    )
  })

  it('keeps at least two decimals', () => {
    expect(formatUsdc(1_500_000n)).toBe('1.50')
    expect(formatUsdc(1n)).toBe('0.000001')
    expect(formatUsdc(-1_000_000n)).toBe('-1.00')
  })

  it('rounds up exactly when there is a remainder', () => {
    expect([divUp(0n, 3n), divUp(1n, 3n), divUp(3n, 3n), divUp(4n, 3n)]).toEqual([0n, 1n, 1n, 2n])
  })
})
