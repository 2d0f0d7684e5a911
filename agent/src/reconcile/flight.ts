// One pass over one lease: look, plan, execute, look again, until nothing is left that can be done now.
import type { Hex } from 'viem'
import { desired } from '../domain/desired.ts'
import { plan } from '../domain/plan.ts'
import { LIMITS, type Limits, type Situation } from '../domain/situation.ts'
import { specHashOf } from '../domain/spec.ts'
import { ASKING, PHASE_OF, type Step } from '../domain/steps.ts'
import { reclocked } from '../domain/vm.ts'
import { BACKOFF, type Backoff, backoffMs } from '../lib/backoff.ts'
import { withDeadline } from '../lib/deadline.ts'
import { loggedWith } from '../lib/log.ts'
import { pause } from '../lib/pause.ts'
import { failureOf } from './failure.ts'
import { type Machinery, makeLook } from './observe.ts'
import { offeredBy } from './offered.ts'
import type { Deps } from './ports.ts'
import { makeSightings, type Sightings } from './sightings.ts'
import { deadlineOf, execute } from './steps/index.ts'
import { records } from './steps/records.ts'

/** More rounds than any lease needs: a plan that does not converge is stopped here and seen in the log. */
const MAX_ROUNDS = 32
/** Without anything to wait for, the sweep comes by in any case. */
export const SWEEP_MS = 30_000

export type FlightOptions = {
  deps: Deps
  limits?: Limits
  backoff?: Backoff
  /** Called before each step: a test cuts the power here. */
  beforeStep?: (leaseId: Hex, step: Step) => void
  /** Told after each step: how long it took, and the code of its failure; null when it went well. */
  onStep?: (step: Step['kind'], ms: number, code: string | null) => void
  /** Shared with whoever hears the hypervisor's events. */
  sightings?: Sightings
}

export const makeFlight = (options: FlightOptions) => {
  const { deps, limits = LIMITS, backoff = BACKOFF, sightings = makeSightings() } = options
  const longestMs = Math.max(limits.provisioningMs, limits.deletingMs, limits.pendingMs, backoff.capMs)

  /** As persisted, after a clock that was set back has been allowed for. */
  const recordNow = (leaseId: Hex, nowMs: number) => {
    const vm = deps.store.get(leaseId)
    if (vm === null) return null
    const plausible = reclocked(vm, nowMs, longestMs)
    if (plausible !== vm) deps.store.put(plausible)
    return plausible
  }

  const look = makeLook(deps)

  /** Steps under way, those too whose deadline has passed or that were broken off: they may have effects still. */
  const working = new Set<Promise<unknown>>()
  const watched = <result>(work: Promise<result>): Promise<result> => {
    const ended: Promise<unknown> = work.then(
      () => working.delete(ended),
      () => working.delete(ended), // whoever waits for the step hears of the error
    )
    working.add(ended)
    return work
  }

  const situate = (leaseId: Hex, machinery: Machinery, swept: boolean) => {
    // Read after the machine and without a pause: plan and guards see one moment of the chain.
    const { fresh, chainNow, leases } = deps.chain.snapshot()
    const sight = leases.get(leaseId)
    const lease = sight?.latest ?? sight?.finalized
    if (sight === undefined || lease === undefined || chainNow === null) return null
    const nowMs = deps.nowMs()
    const mac = deps.guest.macOf(leaseId)
    const observed = machinery.of(leaseId)
    const wish = deps.wishes.of(leaseId)
    sightings.look(leaseId, observed.domain?.state ?? null, nowMs, swept)
    const situation: Situation = {
      ...observed,
      nowMs,
      chainNowMs: chainNow * 1000,
      fresh,
      target: desired(sight, deps.chain.node, chainNow),
      wish,
      offered: wish.restoreFrom === null ? [] : offeredBy(deps.chain, wish.restoreFrom, lease, machinery),
      vm: recordNow(leaseId, nowMs),
      outage: deps.outages.lasting(leaseId),
      offSinceMs: sightings.offSince(leaseId),
      specHash: specHashOf(lease, { network: deps.networkName, mac, shaping: deps.resources.shaper.mode }),
      manifestHash: deps.manifestHash(lease),
      activateByMs: lease.status === 'Assigned' ? nowMs + (lease.activateBy - chainNow) * 1000 : null,
      limits,
      tended: deps.resources.tending.of(leaseId),
    }
    return { situation, lease }
  }
  type Situated = NonNullable<ReturnType<typeof situate>>

  /** @returns ms to wait, or null to go on. */
  const take = async ({ situation, lease }: Situated, step: Step, signal: AbortSignal) => {
    const { leaseId } = lease
    const phase = PHASE_OF[step.kind]
    const before = deps.store.get(leaseId)
    if (before !== null && phase !== undefined && phase !== before.phase) {
      deps.store.put({ ...before, phase, sinceMs: deps.nowMs() })
    }
    options.beforeStep?.(leaseId, step)
    const context = { deps, lease, vm: deps.store.get(leaseId) }
    const began = performance.now()
    const told = (code: string | null) => options.onStep?.(step.kind, performance.now() - began, code)
    try {
      const outcome = await withDeadline(step.kind, deadlineOf(step.kind), signal, (inner) =>
        watched(loggedWith({ leaseId, step: step.kind }, () => execute({ ...context, signal: inner }, step))),
      )
      told(null)
      return outcome?.waitMs ?? null
    } catch (error) {
      if (signal.aborted) return SWEEP_MS
      told(failureOf(error).reason.code)
      return fail(situation, lease, step, error)
    }
  }

  const fail = async (s: Situation, lease: Situated['lease'], step: Step, error: unknown) => {
    const failure = failureOf(error)
    const { leaseId } = lease
    deps.log.warn(
      { leaseId, step: step.kind, code: failure.reason.code, detail: failure.detail },
      'step failed',
    )
    const vm = deps.store.get(leaseId)
    if (vm === null) return backoffMs(1, deps.random(), backoff)
    // Only what was never billed can be refused; an activated lease is tried again for as long as it lasts.
    if (failure.final && s.target.kind === 'run' && !s.target.activated) {
      const context = { deps, lease, vm, signal: new AbortController().signal }
      const refuse = () => records.Refuse(context, { kind: 'Refuse', reason: failure.reason })
      await loggedWith({ step: 'Refuse' }, refuse)
      return SWEEP_MS
    }
    const attempts = vm.attempts + 1
    const waitMs = Math.min(backoffMs(attempts, deps.random(), backoff), failure.capMs)
    deps.store.put({ ...vm, attempts, nextAttemptMs: deps.nowMs() + waitMs, reason: failure.reason })
    return waitMs
  }

  /**
   * @param swept what a sweep has seen for all: enough to find that nothing is to be done, or only to ask the guest.
   *   Whatever else is done is planned on a look that this flight has asked for.
   * @returns milliseconds after which the lease should be looked at again without an event.
   * Rejects only when the machine cannot be observed.
   */
  const fly = async (leaseId: Hex, signal: AbortSignal, swept?: Promise<Machinery>): Promise<number> => {
    let seen = swept
    for (let round = 0; round < MAX_ROUNDS && !signal.aborted; round++) {
      const situated = situate(leaseId, await (seen ?? look()), seen !== undefined)
      if (situated === null) return SWEEP_MS
      const steps = plan(situated.situation)
      if (steps.length === 0) return nextLook(situated.situation)
      if (seen !== undefined && !steps.every(({ kind }) => ASKING.has(kind))) {
        seen = undefined
        continue
      }
      for (const step of steps) {
        if (signal.aborted) return SWEEP_MS
        const waitMs = await take(situated, step, signal)
        if (waitMs !== null) return waitMs
      }
    }
    if (!signal.aborted) deps.log.error({ leaseId }, 'the plan does not come to rest: looking again later')
    return SWEEP_MS
  }
  return {
    fly,
    look,
    /** Resolves when no step has effects any more, and after `ms` in any case. */
    ended: async (ms: number): Promise<void> => {
      const patience = new AbortController()
      const all = Promise.all(working).then(() => patience.abort())
      await Promise.race([all, pause(ms, patience.signal)])
    },
  }
}

/** The next moment at which the plan may change by the clock alone. */
const nextLook = ({ vm, nowMs, limits }: Situation): number => {
  const graceMs = vm?.status === 'Deleting' ? vm.sinceMs + limits.graceMs : null
  const { deadlineMs = null, nextAttemptMs = null, servicesDueMs = null } = vm ?? {}
  const moments = [deadlineMs, nextAttemptMs, servicesDueMs, graceMs]
    .filter((at) => at !== null)
    .filter((at) => at > nowMs)
  return Math.min(SWEEP_MS, ...moments.map((at) => at - nowMs))
}
