// Which of the orders of one lease stands.
import type { OrderAction } from '@decloud/protocol'
import { describe, expect, it } from 'vitest'
import { type GivenOrder, wishOf } from '../../src/domain/orders.ts'

const SECOND = 1_800_000_000_000
const signed = (action: OrderAction, atMs: number): GivenOrder => ({
  ...{ action, atMs, onChain: false, from: null, final: true },
})
const onChain = (action: OrderAction, atMs: number): GivenOrder => ({
  ...{ action, atMs, onChain: true, from: null, final: false },
})
/** As the agent lists them: those of the chain first. */
const power = (...orders: readonly GivenOrder[]) => wishOf(orders).power

describe('of start and stop', () => {
  it('the newest stands, whichever way it came', () => {
    expect(power(onChain('Start', SECOND), signed('Stop', SECOND + 1_000))).toBe('off')
    expect(power(onChain('Start', SECOND + 1_000), signed('Stop', SECOND + 999))).toBe('on')
    expect(power(signed('Start', SECOND), signed('Stop', SECOND + 1))).toBe('off')
    expect(power()).toBe('on')
  })

  it('in one second the one on chain stands, whatever part of the second the other was signed in', () => {
    for (const ms of [0, 1, 600, 998]) {
      expect(power(onChain('Start', SECOND), signed('Stop', SECOND + ms))).toBe('on')
      expect(power(onChain('Stop', SECOND), signed('Start', SECOND + ms))).toBe('off')
    }
  })
})

describe('what is done once', () => {
  it('keeps the time of its block: another would be done again by an agent that has done it', () => {
    expect(wishOf([onChain('Reboot', SECOND)]).rebootAtMs).toBe(SECOND)
  })

  it('is not begun with by an order that may never have been given', () => {
    expect(wishOf([onChain('Reinstall', SECOND)]).reinstallAtMs).toBe(0)
    expect(wishOf([{ ...onChain('Reinstall', SECOND), final: true }]).reinstallAtMs).toBe(SECOND)
  })
})
