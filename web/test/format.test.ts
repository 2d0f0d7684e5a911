import { describe, expect, it } from 'vitest'
import { duration, memory, regionName, usdc, usdcUp } from '../src/data/format.ts'

describe('money for display', () => {
  it('rounds half up and groups thousands', () => {
    expect(usdc(1_234_565_000n)).toBe('1,234.57')
    expect(usdc(1_234_564_999n)).toBe('1,234.56')
    expect(usdc(33_667n, 4)).toBe('0.0337')
    expect(usdc(561n, 6)).toBe('0.000561')
    expect(usdc(-2_500_000n)).toBe('-2.50')
    expect(usdc(1_000_000_000_000n, 0)).toBe('1,000,000')
  })

  it('rounds a shortfall up, so that adding what it names is enough', () => {
    expect(usdcUp(10_001n)).toBe('0.02')
    expect(usdcUp(10_000n)).toBe('0.01')
    expect(usdcUp(1n)).toBe('0.01')
  })
})

describe('time for display', () => {
  it('names the two leading units and nothing below zero', () => {
    expect(duration(93_784)).toBe('1 d 2 h')
    expect(duration(86_400)).toBe('1 d')
    expect(duration(86_459)).toBe('1 d')
    expect(duration(61)).toBe('1 min 1 s')
    expect(duration(0)).toBe('0 s')
    expect(duration(-5)).toBe('0 s')
  })
})

describe('names for display', () => {
  it('reads a region out of eight bytes and drops what does not print', () => {
    expect(regionName('0x65752d7765737400')).toBe('eu-west')
    expect(regionName('0x0000000000000000')).toBe('')
    expect(regionName('0x1b5b316d65750000')).toBe('[1meu')
  })

  it('shows memory in GiB from one on', () => {
    expect(memory(512)).toBe('512 MiB')
    expect(memory(2_048n)).toBe('2 GiB')
    expect(memory(1_536)).toBe('1.5 GiB')
  })
})
