// Limits of simulated guests: kept in memory, under the same contract as the real ones.
import type { LinkRate, Shaper } from '../ports/shaper.ts'
import { ifbName, ifbPrefix } from './names.ts'

type Detour = { readonly device: string; readonly limits: LinkRate }

/** What the kernel is to the real one: clients of several agents may share it. Devices are keyed by their IFB. */
export type SimulatedQueues = Map<string, Detour>

export const makeFakeShaper = (instance: string, queues: SimulatedQueues = new Map()): Shaper => ({
  mode: 'tc',
  reason: 'Guests are simulated, and so are their bandwidth limits.',
  shape: async (leaseId, device, limits) => {
    if (limits === null) queues.delete(ifbName(instance, leaseId))
    else queues.set(ifbName(instance, leaseId), { device, limits })
  },
  limitsOf: async (leaseId, device) => {
    const detour = queues.get(ifbName(instance, leaseId))
    return detour?.device === device ? detour.limits : null
  },
  release: async (leaseId) => {
    queues.delete(ifbName(instance, leaseId))
  },
  sweep: async (running) => {
    const kept = new Set((await running()).map((leaseId) => ifbName(instance, leaseId)))
    for (const ifb of [...queues.keys()]) {
      if (ifb.startsWith(ifbPrefix(instance)) && !kept.has(ifb)) queues.delete(ifb)
    }
  },
})
