// The vocabulary between planner and executors.
import type { Phase } from '@decloud/protocol/wire/node'
import type { Move, Reason } from './vm.ts'

export type Step =
  | { readonly kind: 'Admit'; readonly deadlineMs: number }
  | ({ readonly kind: 'Move' } & Move)
  | { readonly kind: 'Refuse'; readonly reason: Reason }
  | { readonly kind: 'OpenManifest' }
  | { readonly kind: 'Preflight'; readonly activation: boolean; readonly newDisk: boolean }
  | { readonly kind: 'EnsureImage' }
  | { readonly kind: 'CreateDisk' }
  | { readonly kind: 'WriteSeed' }
  | { readonly kind: 'Define' }
  /** A guest that is off is described anew; its disk is not touched. */
  | { readonly kind: 'Redefine' }
  | { readonly kind: 'Start' }
  | { readonly kind: 'CheckReady' }
  | { readonly kind: 'CheckServices' }
  | { readonly kind: 'Activate' }
  /** Tells the chain that a lease was not activated in time: the tenant is refunded, the capacity free again. */
  | { readonly kind: 'Expire' }
  | { readonly kind: 'ConfirmEnd' }
  | { readonly kind: 'Shutdown'; readonly because: 'ended' | 'depleted' }
  | { readonly kind: 'Destroy'; readonly because: 'ended' | 'depleted' }
  | { readonly kind: 'Undefine' }
  | { readonly kind: 'RemoveSeed' }
  | { readonly kind: 'QuarantineDisk' }
  | { readonly kind: 'PurgeDisk'; readonly notAfter: number }

export type StepKind = Step['kind']

/** Steps that take something from the tenant. None is planned on a feed that is not fresh. */
export const DESTRUCTIVE: ReadonlySet<StepKind> = new Set([
  'Shutdown',
  'Destroy',
  'Undefine',
  'RemoveSeed',
  'QuarantineDisk',
  'PurgeDisk',
])

/** Only records: they are never delayed by the pacing of failed attempts. */
export const BOOKKEEPING: ReadonlySet<StepKind> = new Set(['Admit', 'Move', 'Refuse'])

/** The phase the tenant is shown while a step runs; absent: the one before stays. */
export const PHASE_OF: Readonly<Partial<Record<StepKind, Phase>>> = {
  OpenManifest: 'OpeningManifest',
  EnsureImage: 'PreparingDisk',
  CreateDisk: 'PreparingDisk',
  WriteSeed: 'PreparingDisk',
  Define: 'PreparingDisk',
  Start: 'Booting',
  Activate: 'Activating',
}
