// What becomes of each VM, read off its records and outages: whoever writes those need not think of events.
import type { Hex } from 'viem'
import type { VmRecord } from '../domain/vm.ts'
import type { EventLog } from '../ports/events.ts'
import type { OutageStore, VmStore } from '../reconcile/ports.ts'

/** Progress of a download is no news, however often its sentence changes. */
const PROGRESS: ReadonlySet<string> = new Set(['image-fetching'])

export const recordVms = (store: VmStore, events: EventLog): VmStore => ({
  ...store,
  put: (vm) => {
    const before = store.get(vm.leaseId)
    store.put(vm)
    tellVm(before, vm, events)
  },
})

const tellVm = (before: VmRecord | null, vm: VmRecord, events: EventLog) => {
  const { leaseId, status, reason } = vm
  const because = reason === null ? '' : `: ${reason.message}`
  const code = reason?.code ?? null
  if (before === null) {
    return events.record({ kind: 'vm.admitted', leaseId, message: 'a VM is set up', details: { status } })
  }
  if (vm.refused && !before.refused) {
    events.record({ kind: 'vm.refused', leaseId, message: `refused for good${because}`, details: { code } })
  } else if (status !== before.status) {
    const message = `${before.status} → ${status}${because}`
    const details = { from: before.status, to: status, phase: vm.phase, code }
    events.record({ kind: 'vm.state', leaseId, message, details })
  } else if (reason !== null && reason.code !== before.reason?.code && !PROGRESS.has(reason.code)) {
    const details = { status, phase: vm.phase, code, attempts: vm.attempts }
    events.record({ kind: 'vm.trouble', leaseId, message: reason.message, details })
  }
  if (vm.deaths > before.deaths) {
    const details = { inARow: vm.deaths }
    const message = 'the guest went off by itself and is started again'
    events.record({ kind: 'guest.restarted', leaseId, message, details })
  }
  if (vm.facts !== null && vm.facts.bootId !== before.facts?.bootId) {
    const { bootId, ipv4, sshHostKeyFingerprint } = vm.facts
    const details = { bootId, ipv4, sshHostKeyFingerprint }
    events.record({ kind: 'guest.ready', leaseId, message: 'the guest is ready', details })
  }
}

export const recordOutages = (store: OutageStore, events: EventLog): OutageStore => {
  const tell = (kind: string, leaseId: Hex, message: string, details: Readonly<Record<string, unknown>>) =>
    events.record({ kind, leaseId, message, details })
  return {
    ...store,
    begin: (leaseId, fromMs, cause) => {
      const before = store.lasting(leaseId)
      store.begin(leaseId, fromMs, cause)
      if (before !== null) return
      tell('outage.begun', leaseId, `off against its tenant's wish: ${cause}`, { fromMs, cause })
    },
    end: (leaseId, toMs) => {
      const before = store.lasting(leaseId)
      store.end(leaseId, toMs)
      if (before === null) return
      const seconds = Math.max(0, Math.round((toMs - before.fromMs) / 1_000))
      tell('outage.ended', leaseId, `on again after ${seconds} s`, { seconds, cause: before.cause })
    },
    markCredited: (leaseId, fromMs, atMs) => {
      store.markCredited(leaseId, fromMs, atMs)
      tell('outage.credited', leaseId, 'the time of an outage was given back on chain', { fromMs })
    },
  }
}
