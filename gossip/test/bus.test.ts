import { describe } from 'vitest'
import { makeBus } from '../src/index.ts'
import { describeGossip } from './contract.ts'
import { MAX_BYTES } from './world.ts'

describe('the bus', () => {
  const bus = makeBus()
  describeGossip(async (options) => bus.join({ ...options, maxMessageBytes: MAX_BYTES }))
})
