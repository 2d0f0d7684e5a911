// Each way in which a step can fail, by name: whether the lease is refused for good, or tried again. A code that is added
// to a port does not compile here until it has its line.
import { ChainError } from '@decloud/chain'
import { DecloudError } from '@decloud/protocol'
import { describe, expect, it } from 'vitest'
import { GuestConfigError } from '../src/guest/seed.ts'
import { AgentError } from '../src/lib/errors.ts'
import { HypervisorError, type HypervisorErrorCode } from '../src/ports/hypervisor.ts'
import { StorageError, type StorageErrorCode } from '../src/ports/storage.ts'
import { failureOf } from '../src/reconcile/failure.ts'

/** The code the tenant is shown, and whether trying again cannot help. */
type Line = readonly [code: string, outcome: 'refused' | 'retried']

const STORAGE: Readonly<Record<StorageErrorCode, Line>> = {
  'image-missing': ['image-unknown', 'retried'],
  'image-corrupt': ['image-corrupt', 'retried'],
  'image-unpinned': ['image-unpinned', 'retried'],
  'image-unreachable': ['image-unreachable', 'retried'],
  'image-unsafe': ['image-unsafe', 'retried'],
  'image-foreign': ['image-foreign', 'refused'],
  'no-space': ['disk-full', 'retried'],
  interrupted: ['interrupted', 'retried'],
  'disk-missing': ['disk-missing', 'retried'],
  'disk-exists': ['disk-conflict', 'retried'],
  'disk-corrupt': ['disk-corrupt', 'retried'],
  'too-small': ['disk-too-small', 'refused'],
  refused: ['storage-refused', 'retried'],
  invalid: ['storage-invalid', 'refused'],
  io: ['storage-failed', 'retried'],
}

const HYPERVISOR: Readonly<Record<HypervisorErrorCode, Line>> = {
  unavailable: ['hypervisor-unavailable', 'retried'],
  'not-found': ['guest-missing', 'retried'],
  'address-taken': ['address-taken', 'refused'],
  'already-exists': ['guest-conflict', 'retried'],
  invalid: ['guest-invalid', 'refused'],
  refused: ['hypervisor-refused', 'retried'],
  'wrong-state': ['guest-changing', 'retried'],
  'agent-not-ready': ['guest-silent', 'retried'],
  'agent-error': ['guest-error', 'retried'],
  timeout: ['hypervisor-timeout', 'retried'],
  closed: ['agent-stopping', 'retried'],
}

/** Of the protocol: what is wrong with a manifest. */
const MANIFEST: Readonly<Record<string, Line>> = {
  'manifest-missing': ['manifest-missing', 'refused'],
  'manifest-not-for-us': ['manifest-not-for-us', 'refused'],
  'manifest-commitment': ['manifest-commitment', 'refused'],
  'manifest-malformed': ['manifest-malformed', 'refused'],
  'manifest-invalid': ['manifest-invalid', 'refused'],
}

/** The agent's own. */
const AGENT: Readonly<Record<string, Line>> = {
  'guest-failed': ['guest-failed', 'refused'],
  'gas-missing': ['gas-missing', 'retried'],
  'does-not-fit': ['does-not-fit', 'refused'],
  'tier-unknown': ['tier-unknown', 'refused'],
  'room-awaited': ['room-awaited', 'retried'],
  'memory-low': ['memory-low', 'retried'],
  'disk-low': ['disk-low', 'retried'],
  'disk-full': ['disk-full', 'retried'],
  'feed-stale': ['feed-stale', 'retried'],
  'end-unconfirmed': ['end-unconfirmed', 'retried'],
  'depletion-unconfirmed': ['depletion-unconfirmed', 'retried'],
  'order-missing': ['order-missing', 'retried'],
  'order-withdrawn': ['order-withdrawn', 'retried'],
  'step-timeout': ['step-timeout', 'retried'],
  'awaiting-manifest': ['awaiting-manifest', 'retried'],
}

const check = (error: unknown, [code, outcome]: Line) => {
  const { reason, final } = failureOf(error)
  expect(reason.code).toBe(code)
  expect(final).toBe(outcome === 'refused')
  expect(reason.message).toMatch(/[.!]$/)
  expect(reason.message, 'paths and addresses of the machine are for its operator').not.toContain('/secret')
}
const SECRET = 'It went wrong in /secret/path.'

describe('a step that fails', () => {
  it.each(Object.entries(STORAGE))('of storage with %s: %s', (code, line) => {
    check(new StorageError(code as StorageErrorCode, SECRET), line) // the keys of a record of that type
  })
  it.each(Object.entries(HYPERVISOR))('of the hypervisor with %s: %s', (code, line) => {
    check(new HypervisorError(code as HypervisorErrorCode, SECRET), line)
  })
  it.each(Object.entries(MANIFEST))('of the manifest with %s: %s', (code, line) => {
    check(new DecloudError(code, SECRET), line)
  })
  it.each(Object.entries(AGENT))('of the agent with %s: %s', (code, line) => {
    check(new AgentError(code, 'A sentence of its own.'), line)
  })

  it('by what a manifest asks of the guest is refused', () => {
    check(new GuestConfigError('hostname', 'hostname: "A B" is not a host name label'), [
      'manifest-unusable',
      'refused',
    ])
  })
  it('by an RPC or by the contract is tried again', () => {
    check(new ChainError('rpc-failed', 'The RPC does not answer.', { retryable: true }), [
      'rpc-failed',
      'retried',
    ])
  })
  it.each(['ENOSPC', 'EDQUOT'])(
    'for want of space (%s), however deep in its causes, is a full disk',
    (code) => {
      const cause = Object.assign(new Error('no space'), { code })
      check(new StorageError('io', SECRET, { cause: new Error('in between', { cause }) }), [
        'disk-full',
        'retried',
      ])
      check(new StorageError('io', SECRET, { cause: new Error('No space left on device') }), [
        'disk-full',
        'retried',
      ])
    },
  )
  it('by a defect of ours says no more than that', () => {
    check(new TypeError(SECRET), ['internal', 'retried'])
  })
})
