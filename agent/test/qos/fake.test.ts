import { makeFakeShaper, type SimulatedQueues } from '../../src/qos/fake-shaper.ts'
import { shaperContract } from './contract.ts'

shaperContract('the simulated shaper', async () => {
  const queues: SimulatedQueues = new Map()
  return {
    shaper: (instance) => makeFakeShaper(instance, queues),
    device: async (name) => {
      for (const [ifb, { device }] of [...queues]) if (device === name) queues.delete(ifb)
    },
    release: async () => {},
  }
})
