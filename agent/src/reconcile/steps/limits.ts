// Limits of a running guest: set, and then read back from the machine, since only what is read there is true.
import type { Hex } from 'viem'
import { cpuLimits, holdsTo, sameCpu } from '../../domain/tiers.ts'
import { AgentError } from '../../lib/errors.ts'
import type { LiveNic } from '../../ports/hypervisor.ts'
import { failureOf } from '../failure.ts'
import type { Deps } from '../ports.ts'
import { rateOf, unitsOf } from '../resources.ts'
import type { Executors } from './context.ts'

/** A guest is none the worse for a neighbour that could pretend to be it: it runs, and the operator hears of it. */
const holdTo = async (deps: Deps, leaseId: Hex, nic: LiveNic) => {
  try {
    await deps.resources.anchors.hold(nic)
  } catch (error) {
    deps.log.warn({ leaseId, detail: failureOf(error).detail }, 'a guest is not held to its address')
  }
}

export const limits: Executors<'Shape' | 'Tune'> = {
  Shape: async ({ deps, lease }) => {
    const { shaper, tending } = deps.resources
    const { leaseId } = lease
    const rate = rateOf(lease)
    const nic = await deps.hypervisor.nicOf(leaseId)
    if (nic === null) return undefined // it went off; the next look sees it
    // libvirt's own limits are part of the running domain; where they are missing, tc does the same.
    if (rate === null || !holdsTo(nic.bandwidth, rate)) await shaper.shape(leaseId, nic.device, rate)
    await holdTo(deps, leaseId, nic)
    tending.shaped(leaseId)
    return undefined
  },

  Tune: async ({ deps, lease }) => {
    const { offer, tending } = deps.resources
    const { leaseId, terms } = lease
    const wanted = cpuLimits(unitsOf(await offer(), lease), terms.vcpus, true)
    const before = await deps.hypervisor.cpuOf(leaseId)
    if (before === null) return undefined
    if (!sameCpu(before, wanted)) {
      await deps.hypervisor.setCpu(leaseId, wanted)
      const after = await deps.hypervisor.cpuOf(leaseId)
      if (after === null) return undefined
      if (!sameCpu(after, wanted)) {
        throw new AgentError('tuning-failed', 'The CPU limits of the guest do not read as they were set.')
      }
      deps.log.info({ leaseId, before, after }, 'CPU limits set')
    }
    // Once more: a DHCP server writes to the host's table of neighbours when it answers one that has no address yet.
    const nic = await deps.hypervisor.nicOf(leaseId)
    if (nic !== null) await holdTo(deps, leaseId, nic)
    tending.tuned(leaseId)
    return undefined
  },
}
