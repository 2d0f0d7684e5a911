// The life of one VM as its node keeps it. The status is persisted before its side effects run.
import { DecloudError } from './errors.ts'

export const VM_STATUSES = [
  'Pending',
  'Scheduling',
  'Provisioning',
  'Running',
  'Stopping',
  'Stopped',
  'Deleting',
  'Deleted',
  'Error',
] as const
export type VmStatus = (typeof VM_STATUSES)[number]

const EDGES: Readonly<Record<VmStatus, readonly VmStatus[]>> = {
  Pending: ['Scheduling', 'Provisioning', 'Error', 'Deleting'],
  Scheduling: ['Provisioning', 'Pending', 'Error', 'Deleting'],
  Provisioning: ['Running', 'Error', 'Deleting'],
  Running: ['Stopping', 'Stopped', 'Error', 'Deleting'],
  Stopping: ['Stopped', 'Running', 'Error', 'Deleting'],
  Stopped: ['Provisioning', 'Running', 'Deleting', 'Error'],
  Error: ['Provisioning', 'Running', 'Stopped', 'Deleting'],
  Deleting: ['Deleted', 'Error'],
  Deleted: [],
}

/** Statuses that must end by themselves; each carries a deadline wherever it is persisted. */
export const TRANSIENT: ReadonlySet<VmStatus> = new Set([
  'Pending',
  'Scheduling',
  'Provisioning',
  'Stopping',
  'Deleting',
])

export const canMove = (from: VmStatus, to: VmStatus): boolean => EDGES[from].includes(to)
export const edgesFrom = (from: VmStatus): readonly VmStatus[] => EDGES[from]

/**
 * @returns `to`, when the edge exists.
 * @throws DecloudError `vm-edge-refused` otherwise.
 */
export const move = (from: VmStatus, to: VmStatus): VmStatus => {
  if (!canMove(from, to)) {
    throw new DecloudError('vm-edge-refused', `A VM cannot go from ${from} to ${to}.`, {
      details: { from, to },
    })
  }
  return to
}
