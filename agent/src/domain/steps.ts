// The vocabulary between planner and executors.
import type { Phase } from '@decloud/protocol/wire/node'
import type { Hex } from 'viem'
import type { OutageCause } from './outage.ts'
import type { Move, Reason, RecordChange } from './vm.ts'

/** On whose account something is taken down: the chain's word, or an order of the tenant. */
export type Because = 'ended' | 'depleted' | 'stopped' | 'reboot' | 'reinstall' | 'restore'

export type Step =
  | { readonly kind: 'Admit'; readonly deadlineMs: number }
  | ({ readonly kind: 'Move' } & Move)
  | { readonly kind: 'Refuse'; readonly reason: Reason }
  /** Writes down what becomes of an order, or why the guest stands where it stands. */
  | { readonly kind: 'Note'; readonly change: RecordChange }
  /** The lease is alive although its end was confirmed: a reorg deeper than finality took the end back. */
  | { readonly kind: 'Revive'; readonly deadlineMs: number }
  | { readonly kind: 'BeginOutage'; readonly fromMs: number; readonly cause: OutageCause }
  | { readonly kind: 'EndOutage' }
  | { readonly kind: 'OpenManifest' }
  | { readonly kind: 'Preflight'; readonly activation: boolean; readonly newDisk: boolean }
  | { readonly kind: 'EnsureImage' }
  /** `beside`: the lease's earlier disk lies in quarantine, by its tenant's order. */
  | { readonly kind: 'CreateDisk'; readonly beside: boolean }
  /** Takes the quarantined disk with this stamp (Unix seconds) back into use. */
  | { readonly kind: 'RestoreDisk'; readonly quarantinedAt: number; readonly install: number }
  /** Takes the quarantined disk of an ended lease of the same tenant into use. */
  | {
      readonly kind: 'AdoptDisk'
      readonly from: Hex
      readonly quarantinedAt: number
      readonly install: number
    }
  | { readonly kind: 'WriteSeed' }
  | { readonly kind: 'Define' }
  /** A guest that is off is described anew; its disk is not touched. */
  | { readonly kind: 'Redefine' }
  | { readonly kind: 'Start' }
  /** The bandwidth of the lease's tier, on the interface that the guest has now. */
  | { readonly kind: 'Shape' }
  /** The CPU limits of the lease's tier. */
  | { readonly kind: 'Tune' }
  /** Lets a guest go on that was paused because the disks were full, once they are not. */
  | { readonly kind: 'Resume' }
  /** Whom the newest manifest lets in, in the running guest. */
  | { readonly kind: 'UpdateAccess' }
  | { readonly kind: 'CheckReady' }
  | { readonly kind: 'CheckServices' }
  | { readonly kind: 'Activate' }
  /** Tells the chain that a lease was not activated in time: the tenant is refunded, the capacity free again. */
  | { readonly kind: 'Expire' }
  | { readonly kind: 'ConfirmEnd' }
  | { readonly kind: 'Shutdown'; readonly because: Because }
  | { readonly kind: 'Destroy'; readonly because: Because }
  | { readonly kind: 'Undefine' }
  | { readonly kind: 'RemoveSeed' }
  | { readonly kind: 'QuarantineDisk'; readonly because: 'ended' | 'reinstall' | 'restore' }
  | { readonly kind: 'PurgeDisk'; readonly notAfter: number }
  /** The last disk that the lease's own keys entered is gone. */
  | { readonly kind: 'ForgetKeys' }

export type StepKind = Step['kind']

/** Steps that take something from the tenant. */
export const DESTRUCTIVE: ReadonlySet<StepKind> = new Set([
  'Shutdown',
  'Destroy',
  'Undefine',
  'RemoveSeed',
  'QuarantineDisk',
  'PurgeDisk',
  'ForgetKeys',
])

/** Stopping a guest by its tenant's own order loses nothing and can be undone: it does not wait for the chain. */
const BY_ORDER: ReadonlySet<Because> = new Set(['stopped', 'reboot'])

/** Whether a step may only be taken on a view of the chain that is current. */
export const needsFeed = (step: Step): boolean =>
  DESTRUCTIVE.has(step.kind) && !('because' in step && BY_ORDER.has(step.because))

/** Only records: they are never delayed by the pacing of failed attempts. */
export const BOOKKEEPING: ReadonlySet<StepKind> = new Set([
  'Admit',
  'Move',
  'Refuse',
  'Note',
  'BeginOutage',
  'EndOutage',
])

/** Steps that only ask the guest: the machine is afterwards as it was before. */
export const ASKING: ReadonlySet<StepKind> = new Set(['CheckReady'])

/** The phase the tenant is shown while a step runs; absent: the one before stays. */
export const PHASE_OF: Readonly<Partial<Record<StepKind, Phase>>> = {
  OpenManifest: 'OpeningManifest',
  EnsureImage: 'PreparingDisk',
  CreateDisk: 'PreparingDisk',
  RestoreDisk: 'PreparingDisk',
  AdoptDisk: 'PreparingDisk',
  WriteSeed: 'PreparingDisk',
  Define: 'PreparingDisk',
  Start: 'Booting',
  Activate: 'Activating',
}
