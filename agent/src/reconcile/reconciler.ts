// When to look at which lease: at once on an event of the chain or of the hypervisor, and every 30 s in any case.
// One flight per lease at a time; a lease poked meanwhile is looked at once more afterwards.
import { sentenceOf } from '@decloud/protocol'
import type { Hex } from 'viem'
import { makeSemaphore } from '../lib/semaphore.ts'
import { type FlightOptions, makeFlight, SWEEP_MS } from './flight.ts'
import type { Machinery } from './observe.ts'
import { makeSightings } from './sightings.ts'

export type ReconcilerOptions = FlightOptions & {
  /** Flights at a time. A boot storm after a power cut is served in turns. */
  concurrency?: number
  sweepMs?: number
  /** Told after each flight. */
  onSettled?: (leaseId: Hex) => void
}

/** What one look has found for all. Flights that get their turn later than `LOOK_AGE_MS` look for themselves. */
type Sweep = { readonly seen: Promise<Machinery>; readonly beganMs: number }
const LOOK_AGE_MS = 5_000
/** What a step that was broken off may go on with: a file it writes, a call it waits for. */
const CLOSE_MS = 5_000

type Slot = { running: Promise<void> | null; dirty: boolean; timer: NodeJS.Timeout | null }

const isRecent = (sweep: Sweep | undefined): sweep is Sweep =>
  sweep !== undefined && performance.now() - sweep.beganMs <= LOOK_AGE_MS

export const makeReconciler = (options: ReconcilerOptions) => {
  const { deps, sweepMs = SWEEP_MS } = options
  const sightings = options.sightings ?? makeSightings()
  const { fly, look, ended } = makeFlight({ ...options, sightings })
  const abort = new AbortController()
  const limited = makeSemaphore(options.concurrency ?? 8)
  const slots = new Map<Hex, Slot>()
  let unsubscribe: (() => void)[] = []
  let sweeper: NodeJS.Timeout | null = null

  const slotOf = (leaseId: Hex): Slot => {
    const slot = slots.get(leaseId) ?? { running: null, dirty: false, timer: null }
    slots.set(leaseId, slot)
    return slot
  }

  const pass = async (leaseId: Hex, sweep?: Sweep): Promise<number> => {
    try {
      return await limited(() => fly(leaseId, abort.signal, isRecent(sweep) ? sweep.seen : undefined))
    } catch (error) {
      // The machine could not be observed: nothing is known, so nothing is done, until the next look.
      deps.log.warn({ leaseId, detail: sentenceOf(error) }, 'the machine cannot be observed')
      return Math.min(sweepMs, 5_000)
    }
  }

  const run = async (leaseId: Hex, slot: Slot, sweep?: Sweep) => {
    slot.dirty = false
    let waitMs = await pass(leaseId, sweep)
    while (slot.dirty && !abort.signal.aborted) {
      slot.dirty = false
      waitMs = await pass(leaseId)
    }
    slot.running = null
    if (abort.signal.aborted) return
    // Whatever can wait that long is met by the next sweep, which looks once for all.
    if (waitMs < sweepMs) slot.timer = setTimeout(() => poke(leaseId), Math.max(1, waitMs))
    options.onSettled?.(leaseId)
  }

  const poke = (leaseId: Hex, sweep?: Sweep) => {
    if (abort.signal.aborted) return
    const slot = slotOf(leaseId)
    if (slot.timer !== null) clearTimeout(slot.timer)
    slot.timer = null
    if (slot.running !== null) slot.dirty = true
    else slot.running = run(leaseId, slot, sweep)
  }

  const pokeAll = () => {
    if (abort.signal.aborted) return
    const sweep = { seen: look(), beganMs: performance.now() }
    sweep.seen.catch(() => {}) // each flight hears of it; without leases there is none
    for (const leaseId of deps.chain.snapshot().leases.keys()) poke(leaseId, sweep)
  }

  return {
    start() {
      unsubscribe = [
        deps.chain.subscribe((leaseIds) => {
          if (leaseIds === null) pokeAll()
          else for (const leaseId of leaseIds) poke(leaseId)
        }),
        deps.hypervisor.subscribe((event) => {
          if (event.kind === 'stopped' || event.kind === 'paused') sightings.off(event.leaseId, deps.nowMs())
          if ('leaseId' in event) poke(event.leaseId)
          else if (event.kind === 'reconnected') pokeAll()
        }),
        deps.wishes.subscribe((leaseId) => poke(leaseId)),
      ]
      sweeper = setInterval(pokeAll, sweepMs)
      pokeAll()
    },
    poke: (leaseId: Hex) => poke(leaseId),
    /** Lets steps in progress end or be broken off; guests are not touched. */
    async close() {
      abort.abort()
      for (const end of unsubscribe) end()
      if (sweeper !== null) clearInterval(sweeper)
      for (const slot of slots.values()) if (slot.timer !== null) clearTimeout(slot.timer)
      await Promise.all([...slots.values()].map((slot) => slot.running))
      await ended(CLOSE_MS)
    },
  }
}
