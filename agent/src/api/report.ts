// Record → what anyone may know about a lease. Facts of the chain are not repeated here: read them there.
import type { LeaseStatusReport } from '@decloud/protocol/wire/node'
import { GUEST_USER, SSH_PORT } from '../domain/guest-config.ts'
import type { VmRecord } from '../domain/vm.ts'

export const leaseReport = (vm: VmRecord): LeaseStatusReport => ({
  leaseId: vm.leaseId,
  vm: {
    status: vm.status,
    phase: vm.phase,
    reason: vm.reason,
    since: Math.floor(vm.sinceMs / 1000),
  },
  served: {
    reboot: vm.served.rebootMs,
    reinstall: vm.served.reinstallMs,
    restore: vm.served.restoreMs,
  },
  readiness: [
    { name: 'System', ...system(vm) },
    ...vm.services.map(({ name, state, message }) => ({ name, state, message })),
  ],
  ssh: sshAccessOf(vm),
})

/** How the guest is logged in to; null until it has reported itself. */
export const sshAccessOf = ({ facts, status }: VmRecord): LeaseStatusReport['ssh'] =>
  facts === null || status === 'Deleted'
    ? null
    : {
        host: facts.ipv4,
        port: SSH_PORT,
        user: GUEST_USER,
        hostKeyFingerprint: facts.sshHostKeyFingerprint,
        hostKey: facts.sshHostKey,
      }

type Check = Omit<LeaseStatusReport['readiness'][number], 'name'>

const system = ({ facts, phase, reason }: VmRecord): Check => {
  if (reason?.code === 'guest-failed') return { state: 'Failed', message: reason.message }
  if (facts !== null) return { state: 'Ready', message: null }
  if (reason?.code === 'provisioning-timeout') return { state: 'TimedOut', message: reason.message }
  return { state: phase === 'Booting' ? 'Checking' : 'Pending', message: null }
}
