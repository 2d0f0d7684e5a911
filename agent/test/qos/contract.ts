import type { Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { linkRate } from '../../src/domain/tiers.ts'
import type { Shaper } from '../../src/ports/shaper.ts'

export type ShaperSubject = {
  /** The shaper of an agent; all share one machine. */
  shaper(instance: string): Shaper
  /** A device on which nothing is set yet; one of the same name as before is a new one. */
  device(name: string): Promise<void>
  release(): Promise<void>
}

const one: Hex = '0xa1'
const other: Hex = '0xa2'
const limitsOf = (tier: number) => {
  const limits = linkRate(tier)
  if (!limits) throw new RangeError(`tier ${tier} has no limits`)
  return limits
}

/** What every shaper must do, whatever stands behind it. */
export const shaperContract = (name: string, makeSubject: () => Promise<ShaperSubject>) => {
  describe(`${name} keeps the shaper contract`, () => {
    let subject: ShaperSubject
    let shaper: Shaper
    beforeAll(async () => {
      subject = await makeSubject()
      shaper = subject.shaper('mine')
    })
    beforeEach(async () => {
      await shaper.sweep(async () => [])
      await subject.device('tap1')
      await subject.device('tap2')
    })
    afterAll(() => subject?.release())

    test('a device without limits says so', async () => {
      expect(await shaper.limitsOf(one, 'tap1')).toBeNull()
    })

    test.each([0, 1, 2])('tier %i is set and reads back, again and again', async (tier) => {
      for (let i = 0; i < 3; i++) {
        await shaper.shape(one, 'tap1', limitsOf(tier))
        expect(await shaper.limitsOf(one, 'tap1')).toEqual(limitsOf(tier))
      }
    })

    test('other limits replace those before; none lifts them; none again is nothing', async () => {
      await shaper.shape(one, 'tap1', limitsOf(0))
      await shaper.shape(one, 'tap1', limitsOf(2))
      expect(await shaper.limitsOf(one, 'tap1')).toEqual(limitsOf(2))
      await shaper.shape(one, 'tap1', null)
      expect(await shaper.limitsOf(one, 'tap1')).toBeNull()
      await shaper.shape(one, 'tap1', null)
      await shaper.shape(one, 'tap1', limitsOf(1))
      expect(await shaper.limitsOf(one, 'tap1')).toEqual(limitsOf(1))
    })

    test('a guest that starts again on another device is limited there', async () => {
      await shaper.shape(one, 'tap1', limitsOf(0))
      await subject.device('tap1')
      expect(await shaper.limitsOf(one, 'tap2')).toBeNull()
      await shaper.shape(one, 'tap2', limitsOf(0))
      expect(await shaper.limitsOf(one, 'tap2')).toEqual(limitsOf(0))
    })

    test('leases and agents do not disturb one another, and each frees only its own', async () => {
      const neighbour = subject.shaper('neighbour')
      await shaper.shape(one, 'tap1', limitsOf(0))
      await shaper.shape(other, 'tap2', limitsOf(1))
      await shaper.release(other)
      expect(await shaper.limitsOf(one, 'tap1')).toEqual(limitsOf(0))
      expect(await shaper.limitsOf(other, 'tap2')).toBeNull()
      await neighbour.release(one)
      await neighbour.sweep(async () => [])
      expect(await shaper.limitsOf(one, 'tap1')).toEqual(limitsOf(0))
      await shaper.shape(other, 'tap2', limitsOf(1))
      await shaper.sweep(async () => [other])
      expect(await shaper.limitsOf(one, 'tap1')).toBeNull()
      expect(await shaper.limitsOf(other, 'tap2')).toEqual(limitsOf(1))
      await shaper.release(one)
      await shaper.release(one)
    })
  })
}
