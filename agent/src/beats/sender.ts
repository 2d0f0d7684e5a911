// One beat in every slot of 15 s, for as long as the agent runs, beside everything else it does. The steady clock paces,
// the wall clock names the slot: when it jumps, a slot may go without a beat, but none gets two.
import { setTimeout as delay } from 'node:timers/promises'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import {
  type Beat,
  encodeBeat,
  type SignedBeat,
  SLOT_SECONDS,
  slotAt,
} from '@decloud/protocol/wire/heartbeat'
import type { Log } from '../reconcile/ports.ts'
import type { Carrier, Way } from './carrier.ts'
import type { SlotBook } from './slots.ts'

export type BeatSenderDeps = {
  slots: SlotBook
  /** What there is to say now, but for slot and boot. */
  report(): Promise<Omit<Beat, 'slot' | 'bootId'>>
  sign(beat: Beat): Promise<SignedBeat>
  carrier: Carrier
  log: Log
  nowMs(): number
  /** Uniform in [0, 1). */
  random(): number
  /** Milliseconds of a clock that never jumps; the machine's by default. */
  steadyMs?(): number
  /** Waits, or less when `signal` aborts; by the machine's clock by default. */
  pause?(ms: number, signal: AbortSignal): Promise<void>
}

export type BeatStatus = { lastSlot: number | null; via: Way | null; error: string | null }

const SLOT_MS = SLOT_SECONDS * 1_000
/** Beats of many nodes are spread over the first third of a slot, which leaves two thirds to try again. */
const JITTER_MS = 5_000
/** For a beat that is begun in the last moment of its slot. */
const LEAST_TIME_MS = 1_000
const RETRY = { baseMs: 500, capMs: 4_000 }

export const makeBeatSender = (deps: BeatSenderDeps) => {
  const { slots, carrier, log, nowMs, random, steadyMs = () => performance.now(), pause = wait } = deps
  const abort = new AbortController()
  const status: BeatStatus = { lastSlot: null, via: null, error: null }

  const report = (outcome: { slot: number; via: Way } | { error: unknown }) => {
    if ('error' in outcome) {
      const sentence = sentenceOf(outcome.error)
      // Said once: whoever runs a node without a keeper in reach need not be told four times a minute.
      if (status.error === null)
        log.warn({ code: codeOf(outcome.error), detail: causeOf(outcome.error) }, sentence)
      status.error = sentence
      return
    }
    if (status.error !== null || status.via !== outcome.via) {
      log.info({ via: outcome.via, slot: outcome.slot }, 'keepers hear this node')
    }
    Object.assign(status, { lastSlot: outcome.slot, via: outcome.via, error: null })
  }

  /** The same beat, again and again until somebody takes it or its slot is over. */
  const deliver = async (slot: number, message: Uint8Array) => {
    const endsAt = steadyMs() + Math.max((slot + 1) * SLOT_MS - nowMs(), LEAST_TIME_MS)
    for (let attempt = 0; !abort.signal.aborted; attempt++) {
      const deadline = AbortSignal.timeout(Math.max(Math.ceil(endsAt - steadyMs()), 1))
      try {
        const via = await carrier.carry(message, AbortSignal.any([abort.signal, deadline]))
        return report({ slot, via })
      } catch (error) {
        if (abort.signal.aborted) return
        report({ error })
        if (codeOf(error) === 'beat-refused') return
      }
      const backoff = Math.min(RETRY.baseMs * 2 ** attempt, RETRY.capMs)
      if (steadyMs() + backoff >= endsAt) return
      await pause(backoff, abort.signal)
    }
  }

  const beat = async (slot: number) => {
    try {
      if (!slots.claim(slot)) return
      const said = await deps.report()
      const signed = await deps.sign({ ...said, slot, bootId: slots.bootId })
      await deliver(slot, encodeBeat(signed))
    } catch (error) {
      report({ error })
    }
  }

  const run = async () => {
    while (!abort.signal.aborted) {
      const slot = slotAt(nowMs() / 1_000)
      await beat(slot)
      // The last try may have gone on into the next slot, which has a beat of its own.
      if (slotAt(nowMs() / 1_000) > slot) continue
      const next = (slotAt(nowMs() / 1_000) + 1) * SLOT_MS + random() * JITTER_MS
      await pause(Math.max(next - nowMs(), 1), abort.signal)
    }
  }

  const running = run()
  return {
    status: (): BeatStatus => ({ ...status }),
    close: async () => {
      abort.abort()
      await running
    },
  }
}
export type BeatSender = ReturnType<typeof makeBeatSender>

const wait = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })

const codeOf = (error: unknown) => (error instanceof DecloudError ? error.code : 'unknown')
const causeOf = (error: unknown) =>
  error instanceof Error && error.cause !== undefined ? sentenceOf(error.cause) : null
