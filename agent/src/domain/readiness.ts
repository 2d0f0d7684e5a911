// From one look at a service to what its tenant is shown. Pure.
//
// The rule. A service waits (Pending) until the guest itself is ready, then has its time-out to come up (Checking). One
// that never did is TimedOut when that has passed; one that was up during this boot and has not been for so long has
// Failed. What cannot be looked at is never called Failed. Whatever it was called, one good look makes it Ready again,
// and one bad look takes a ready one back to Checking.
import type { ReadinessCheck } from '@decloud/protocol'
import type { CHECK_STATES } from '@decloud/protocol/wire/node'

export type ServiceState = (typeof CHECK_STATES)[number]

export type ServiceStatus = {
  readonly name: string
  readonly state: ServiceState
  /** The last observation in words, where that was no good one. */
  readonly message: string | null
  /** Unix milliseconds since which the state is what it is. */
  readonly sinceMs: number
  /** Whether it has been up since the guest last started. */
  readonly wasReady: boolean
}

/** One look. `unknown`: this guest gives no way to tell. */
export type Observation =
  | { readonly kind: 'up' }
  | { readonly kind: 'down' | 'unknown'; readonly message: string }

/** Milliseconds between looks, while a service may still come up and from then on. */
const SERVICE_POLL_MS = { starting: 10_000, steady: 60_000 } as const

/** Services of a guest that is about to start, or has just started anew. */
export const awaited = (checks: readonly ReadinessCheck[], nowMs: number): readonly ServiceStatus[] =>
  checks.map(({ name }) => ({ name, state: 'Pending', message: null, sinceMs: nowMs, wasReady: false }))

/** @returns the service after a look at it at `nowMs`, which is only taken while the guest itself is ready. */
export const looked = (
  before: ServiceStatus,
  seen: Observation,
  timeoutSeconds: number,
  nowMs: number,
): ServiceStatus => {
  if (seen.kind === 'up') {
    const sinceMs = before.state === 'Ready' ? before.sinceMs : nowMs
    return { name: before.name, state: 'Ready', message: null, sinceMs, wasReady: true }
  }
  const message = seen.kind === 'unknown' ? `It cannot be checked here: ${seen.message}` : seen.message
  if (before.state === 'Pending' || before.state === 'Ready') {
    return { ...before, state: 'Checking', message, sinceMs: nowMs }
  }
  if (before.state === 'Checking' && nowMs - before.sinceMs < timeoutSeconds * 1_000) {
    return { ...before, message }
  }
  const state = before.wasReady && seen.kind === 'down' ? 'Failed' : 'TimedOut'
  return { ...before, state, message, sinceMs: before.state === state ? before.sinceMs : nowMs }
}

/** @returns Unix milliseconds of the next look at the services. */
export const nextLookAt = (services: readonly ServiceStatus[], nowMs: number): number =>
  nowMs +
  (services.some(({ state }) => state === 'Pending' || state === 'Checking')
    ? SERVICE_POLL_MS.starting
    : SERVICE_POLL_MS.steady)

// The worst first: what a guest is as a whole.
const GRAVITY: readonly ServiceState[] = ['Failed', 'TimedOut', 'Checking', 'Pending', 'Ready']

/** One word for a guest: its own check gates the rest, then the worst of its services counts. */
export const overall = (
  system: ServiceState,
  services: readonly Pick<ServiceStatus, 'state'>[],
): ServiceState => {
  if (system !== 'Ready') return system
  return GRAVITY.find((gravity) => services.some(({ state }) => state === gravity)) ?? 'Ready'
}
