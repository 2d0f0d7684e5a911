// One round of looks at what a running guest serves. It is billed all the while: a service is the tenant's own.
import { looked, nextLookAt } from '../../domain/readiness.ts'
import type { Executors } from './context.ts'
import { recordOf } from './records.ts'

export const services: Executors<'CheckServices'> = {
  CheckServices: async (context) => {
    const { deps, lease } = context
    const vm = recordOf(context)
    const { facts, checks } = vm
    if (facts === null) return undefined
    // Sixteen at most, each with a deadline of its own.
    const seen = await Promise.all(checks.map((check) => deps.guest.look(lease.leaseId, check, facts.ipv4)))
    const nowMs = deps.nowMs()
    const after = vm.services.map((before, i) => {
      const check = checks[i]
      const observation = seen[i]
      if (check === undefined || observation === undefined) return before
      return looked(before, observation, check.timeoutSeconds, nowMs)
    })
    deps.store.put({ ...vm, services: after, servicesDueMs: nextLookAt(after, nowMs) })
    for (const [i, { name, state, message }] of after.entries()) {
      if (vm.services[i]?.state === state) continue
      deps.log.info({ leaseId: vm.leaseId, service: name, state, message }, `service ${name}: ${state}`)
    }
    return undefined
  },
}
