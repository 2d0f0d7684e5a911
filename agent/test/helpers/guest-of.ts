// What the agent asks of and does to the guests of a hypervisor, with the adapters that it has in its own context.
import type { Hex } from 'viem'
import { updateAccess } from '../../src/guest/access-update.ts'
import { seedFiles } from '../../src/guest/seed.ts'
import { checkService } from '../../src/guest/service-check.ts'
import { checkSystem } from '../../src/guest/system-check.ts'
import { macOf } from '../../src/hypervisor/mac.ts'
import type { Hypervisor } from '../../src/ports/hypervisor.ts'
import type { Deps } from '../../src/reconcile/ports.ts'
import { NODE_ADDRESS } from './keys.ts'

export const guestOf = (hypervisor: Hypervisor, instance: string): Deps['guest'] => {
  const mac = (leaseId: Hex) => macOf(instance, leaseId)
  return {
    seedFiles,
    nodeAddress: NODE_ADDRESS,
    macOf: mac,
    updateAccess: (leaseId, keys) => updateAccess(hypervisor, leaseId, keys),
    check: (leaseId) => checkSystem(hypervisor, leaseId, mac(leaseId)),
    look: (leaseId, check, ipv4) => checkService(hypervisor, leaseId, check, ipv4),
  }
}
