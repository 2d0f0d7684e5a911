import type { Hex } from 'viem'
import type { DomainRecord, DomainState, HypervisorEvent } from '../../ports/hypervisor.ts'
import { leaseIdOfName } from '../names.ts'
import type { WatchReport } from './messages.ts'
import { parseMetadata } from './metadata.ts'
import type { RawDomain } from './operations.ts'

// virDomainState, by its numbers in libvirt-domain.h
const states: readonly DomainState[] = [
  'unknown', // no state
  'running',
  'running', // blocked on a resource
  'paused',
  'stopping', // being shut down
  'stopped',
  'crashed',
  'paused', // suspended by the guest's power management
]

const PAUSED = 3
// virDomainPausedReason: QEMU stopped the guest at a write that failed; its policy is to do so for want of space alone.
const IO_ERROR = 5
const SHUTOFF = 5
// virDomainShutoffReason: crashed, failed to start
const diedBy: ReadonlySet<number> = new Set([3, 6])

export function domainState(state: number, reason: number): DomainState {
  if (state === SHUTOFF && diedBy.has(reason)) return 'crashed'
  return states[state] ?? 'unknown'
}

/** null unless the domain carries this instance's metadata: a name alone proves nothing. */
export function domainRecord(instance: string, raw: RawDomain): DomainRecord | null {
  const identity = raw.metadata === null ? null : parseMetadata(raw.metadata)
  if (identity?.instance !== instance) return null
  const { leaseId, generation, specHash } = identity
  const pausedForSpace = raw.state === PAUSED && raw.reason === IO_ERROR
  const state = domainState(raw.state, raw.reason)
  return { leaseId, generation, specHash, state, ...(pausedForSpace ? { pausedForSpace } : {}) }
}

type StopCause = Extract<HypervisorEvent, { kind: 'stopped' }>['cause']
// virDomainEventStoppedDetailType
const stopCauses: readonly StopCause[] = [
  'shutdown',
  'destroyed',
  'crashed',
  'destroyed',
  'destroyed',
  'failed',
  'destroyed',
]

function lifecycle(leaseId: Hex, event: number, detail: number): HypervisorEvent | null {
  // virDomainEventType; 6 says only that a shutdown has begun, `stopped` follows.
  switch (event) {
    case 0:
      return { kind: 'defined', leaseId }
    case 1:
      return { kind: 'undefined', leaseId }
    case 2:
      return { kind: 'started', leaseId }
    case 3:
    case 7:
      return { kind: 'paused', leaseId }
    case 4:
      return { kind: 'resumed', leaseId }
    case 5:
      return { kind: 'stopped', leaseId, cause: stopCauses[detail] ?? 'destroyed' }
    case 8:
      return { kind: 'stopped', leaseId, cause: 'crashed' }
    default:
      return null
  }
}

/** null for what concerns others or says nothing new. */
export function hypervisorEvent(instance: string, report: WatchReport): HypervisorEvent | null {
  if (report.kind === 'lost') return { kind: 'disconnected' }
  if (report.kind === 'restored') return { kind: 'reconnected' }
  const leaseId = leaseIdOfName(instance, report.name)
  if (leaseId === null) return null
  if (report.kind === 'lifecycle') return lifecycle(leaseId, report.event, report.detail)
  return { kind: report.state === 1 ? 'agent-connected' : 'agent-disconnected', leaseId }
}
