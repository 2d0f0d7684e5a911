// Anything thrown by a step → what is persisted, shown to the tenant, and done next.
import { ChainError, RevertError } from '@decloud/chain'
import { DecloudError, refusalOf, sentenceOf } from '@decloud/protocol'
import type { Reason } from '../domain/vm.ts'
import { GuestConfigError } from '../guest/seed.ts'
import { AgentError } from '../lib/errors.ts'
import { HypervisorError } from '../ports/hypervisor.ts'
import { StorageError } from '../ports/storage.ts'

export type Failure = {
  readonly reason: Reason
  /** Trying again cannot help: what the tenant signed cannot be run here. */
  readonly final: boolean
  /** Milliseconds to the next attempt at most, where somebody waits for what the node waits for. */
  readonly capMs: number
  /** The whole sentence, for the operator's log: it may name paths and addresses of the machine. */
  readonly detail: string
}

type Verdict = readonly [code: string, message: string, final?: boolean]

const STORAGE: Readonly<Record<StorageError['code'], Verdict>> = {
  'image-missing': ['image-unknown', 'This node does not have the image that the manifest names.'],
  'image-corrupt': [
    'image-corrupt',
    'The image on this node is damaged; it is not used until it is repaired.',
  ],
  'image-unpinned': [
    'image-unpinned',
    'The operator of this node has not yet allowed the image that the manifest names: it is not pinned to a checksum.',
  ],
  'image-unreachable': [
    'image-unreachable',
    'The image cannot be downloaded from any of its sources at the moment; the node tries again.',
  ],
  'image-unsafe': [
    'image-unsafe',
    'What the source of the image sends is not an image that this node would run.',
  ],
  'image-foreign': [
    'image-foreign',
    'The image that the manifest names is for another processor architecture than this node has.',
    true,
  ],
  'no-space': ['disk-full', 'The disks of the node are full; it tries again.'],
  interrupted: ['interrupted', 'The node broke the step off; it goes on where it stopped.'],
  'disk-missing': ['disk-missing', 'The disk of this lease is gone from the node.'],
  'disk-exists': ['disk-conflict', 'Another disk already lies where the disk of this lease belongs.'],
  'disk-corrupt': ['disk-corrupt', 'The disk of this lease is damaged.'],
  'too-small': ['disk-too-small', 'The disk asked for is smaller than the image needs.', true],
  refused: ['storage-refused', 'The node refused a step that would destroy what must be kept.'],
  invalid: ['storage-invalid', 'The disk asked for cannot be made on this node.', true],
  io: ['storage-failed', 'The storage of the node failed; it tries again.'],
}

const HYPERVISOR: Readonly<Record<HypervisorError['code'], Verdict>> = {
  unavailable: ['hypervisor-unavailable', 'The hypervisor of the node does not answer; it tries again.'],
  'not-found': ['guest-missing', 'The guest is not known to the hypervisor; it is set up again.'],
  'already-exists': ['guest-conflict', 'The guest was there already; its state is read again.'],
  'address-taken': [
    'address-taken',
    'Another guest of this node has the network address that follows from the id of this lease. Open a new lease: it gets another.',
    true,
  ],
  invalid: ['guest-invalid', 'The hypervisor of the node cannot run a guest of this shape.', true],
  refused: ['hypervisor-refused', 'The hypervisor of the node would not run the guest; it tries again.'],
  'wrong-state': ['guest-changing', 'The guest was changing its state; it is looked at again.'],
  'agent-not-ready': ['guest-silent', 'The guest does not answer yet.'],
  'agent-error': ['guest-error', 'The guest answered with an error.'],
  timeout: ['hypervisor-timeout', 'The hypervisor of the node took too long; it tries again.'],
  closed: ['agent-stopping', 'The agent of the node is stopping.'],
}

const MANIFEST: Readonly<Record<string, string>> = {
  'manifest-missing': 'The lease carries no manifest: the node cannot know what to run.',
  'manifest-not-for-us':
    'The manifest is not sealed to a key of this node. Open a new lease with its current key.',
  'manifest-commitment': 'The manifest opens, but it is not the one that the tenant signed.',
  'manifest-malformed': 'The manifest is damaged or of an unknown version.',
  'manifest-invalid': 'What the tenant signed is not a valid manifest.',
}

/** Of the agent's own: the guest cannot be had here, however often it is tried. */
const FINAL: ReadonlySet<string> = new Set(['guest-failed', 'does-not-fit', 'tier-unknown'])

/** A tenant who has just posted a manifest looks on. */
const AWAITED_MS = 5_000

export const failureOf = (error: unknown): Failure => {
  const [code, message, final = false] = verdictOf(error)
  const capMs = code === 'awaiting-manifest' ? AWAITED_MS : Number.POSITIVE_INFINITY
  return { reason: { code, message }, final, capMs, detail: detailOf(error) }
}

const verdictOf = (error: unknown): Verdict => {
  if (error instanceof StorageError) return isDiskFull(error) ? DISK_FULL : STORAGE[error.code]
  if (error instanceof HypervisorError) return HYPERVISOR[error.code]
  if (error instanceof GuestConfigError) {
    return ['manifest-unusable', `The manifest cannot be given to a guest: ${error.message}.`, true]
  }
  if (error instanceof AgentError) return [error.code, error.sentence, FINAL.has(error.code)]
  if (error instanceof RevertError) {
    const refusal = refusalOf(error.errorName, error.args)?.message
    return ['contract-refused', refusal ?? `The contract refused: ${error.errorName || 'no reason given'}.`]
  }
  if (error instanceof ChainError) return [error.code, error.sentence]
  if (error instanceof DecloudError) {
    const manifest = MANIFEST[error.code]
    return manifest === undefined ? [error.code, error.sentence] : [error.code, manifest, true]
  }
  return isDiskFull(error)
    ? DISK_FULL
    : ['internal', 'The agent of the node failed at this step; it tries again.']
}

const DISK_FULL: Verdict = ['disk-full', 'The disks of the node are full; it tries again.']

/** Looks down the chain of causes for the operating system's own word. */
const isDiskFull = (error: unknown): boolean => {
  for (let e = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    if ('code' in e && (e.code === 'ENOSPC' || e.code === 'EDQUOT')) return true
    if (/no space left on device/i.test(e.message)) return true
  }
  return false
}

const detailOf = (error: unknown): string => {
  const parts: string[] = []
  for (let e = error, depth = 0; e !== undefined && depth < 8; depth++) {
    parts.push(sentenceOf(e))
    e = e instanceof Error ? e.cause : undefined
  }
  return parts.join(' ← ')
}
