// What guests use, asked for all of them at once and kept for whoever wants to know: Prometheus, and tenants.
import { sentenceOf } from '@decloud/protocol'
import type { Hex } from 'viem'
import type { GuestStats, Hypervisor } from '../ports/hypervisor.ts'
import type { Log } from '../reconcile/ports.ts'

const LOOK_MS = 10_000

export type UsageOptions = {
  readonly hypervisor: Pick<Hypervisor, 'stats'>
  readonly log: Log
  readonly nowMs: () => number
  readonly everyMs?: number
}

export type Usage = {
  /** Of the guests that are on; empty while the hypervisor does not answer. */
  all(): readonly GuestStats[]
  /** null for a guest that is off, or of which nothing is known now. */
  of(leaseId: Hex): GuestStats | null
  /** Unix milliseconds of the last answer; null while the hypervisor does not answer. */
  sampledMs(): number | null
  /** Resolves when a look that begins now, or has begun, is over. */
  look(): Promise<void>
  close(): Promise<void>
}

/** Figures that are older than the last look are not given out: an old total reads like a guest that stands still. */
export const sampleUsage = ({ hypervisor, log, nowMs, everyMs = LOOK_MS }: UsageOptions): Usage => {
  let sample: { readonly guests: ReadonlyMap<string, GuestStats>; readonly atMs: number } | null = null
  let looking: Promise<void> | null = null
  let failing = false

  const ask = async () => {
    try {
      const guests = await hypervisor.stats()
      sample = { guests: new Map(guests.map((one) => [one.leaseId.toLowerCase(), one])), atMs: nowMs() }
      failing = false
    } catch (error) {
      sample = null
      if (!failing) log.warn({ detail: sentenceOf(error) }, 'the statistics of the guests cannot be read')
      failing = true
    }
  }
  const look = () => {
    looking ??= ask().finally(() => {
      looking = null
    })
    return looking
  }
  void look()
  const timer = setInterval(look, everyMs)
  return {
    all: () => [...(sample?.guests.values() ?? [])],
    of: (leaseId) => sample?.guests.get(leaseId.toLowerCase()) ?? null,
    sampledMs: () => sample?.atMs ?? null,
    look,
    close: async () => {
      clearInterval(timer)
      await looking
    },
  }
}
