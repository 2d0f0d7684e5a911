import { openDatabase } from '@decloud/chain'
import {
  type Beat,
  decodeBeat,
  type SignedBeat,
  SLOT_SECONDS,
  signBeat,
  slotAt,
} from '@decloud/protocol/wire/heartbeat'
import type { Database } from 'better-sqlite3'
import fc from 'fast-check'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Carrier } from '../../src/beats/carrier.ts'
import { type BeatSender, makeBeatSender } from '../../src/beats/sender.ts'
import { makeSlotBook } from '../../src/beats/slots.ts'
import { AgentError } from '../../src/lib/errors.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const scope = { chainId: 31_337, nodeRegistry: account.address }
const START = 1_790_000_000_000

/** A world of its own time: whoever waits lets it pass. `events` happen at their moment of the steady clock. */
const makeTime = (events: readonly { atMs: number; jumpMs: number }[] = []) => {
  let [steady, offset] = [0, 0]
  let left = [...events].sort((a, b) => a.atMs - b.atMs)
  return {
    steadyMs: () => steady,
    nowMs: () => Math.floor(START + steady + offset),
    pass: (ms: number) => {
      steady += ms
      for (const { jumpMs } of left.filter(({ atMs }) => atMs <= steady)) offset += jumpMs
      left = left.filter(({ atMs }) => atMs > steady)
    },
  }
}
type Time = ReturnType<typeof makeTime>
type Sent = { slot: number; bootId: number; message: string; atMs: number }

let db: Database
const senders: BeatSender[] = []
beforeEach(() => {
  db = openDatabase(':memory:')
})
afterEach(async () => {
  for (const sender of senders.splice(0)) await sender.close()
  db.close()
})

const saying: Omit<Beat, 'slot' | 'bootId'> = {
  ...{ node: 1, version: '0.1.0', leases: [], omitted: 0 },
  free: { memoryMiB: 1, diskGiB: 1 },
}
// The signature is not what these tests are about, and takes its time.
const unsigned = async (beat: Beat): Promise<SignedBeat> => ({ beat, signature: `0x${'00'.repeat(65)}` })

/** Runs a sender until the steady clock shows `untilMs`. */
const live = async (options: {
  time: Time
  untilMs: number
  carry?: (sent: Sent) => void
  takesMs?: number
  warnings?: string[]
  sign?: (beat: Beat) => Promise<SignedBeat>
}) => {
  const { time, untilMs, carry = () => {}, takesMs = 20, warnings = [], sign = unsigned } = options
  let flights = 0
  const sent: Sent[] = []
  const carrier: Carrier = {
    carry: async (message) => {
      flights += 1
      expect(flights).toBe(1)
      const text = new TextDecoder().decode(message)
      const { beat } = JSON.parse(text) as SignedBeat
      const one = { slot: beat.slot, bootId: beat.bootId, message: text, atMs: time.nowMs() }
      sent.push(one)
      try {
        time.pass(takesMs)
        carry(one)
        return 'gossip'
      } finally {
        flights -= 1
      }
    },
  }
  let ended = () => {}
  const over = new Promise<void>((resolve) => {
    ended = resolve
  })
  const sender = makeBeatSender({
    ...{ slots: makeSlotBook(db, time.nowMs()), carrier, sign },
    report: async () => saying,
    log: { info: () => {}, warn: (_, text) => warnings.push(text), error: () => {} },
    nowMs: time.nowMs,
    steadyMs: time.steadyMs,
    random: Math.random,
    pause: async (ms, signal) => {
      if (time.steadyMs() >= untilMs) {
        ended()
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true }),
        )
        return
      }
      time.pass(ms)
    },
  })
  senders.push(sender)
  await over
  const status = sender.status()
  await sender.close()
  return { sent, status }
}

describe('the sender', () => {
  it('makes one beat in every slot, within its slot, signed by the agent', async () => {
    const { sent, status } = await live({
      time: makeTime(),
      untilMs: 20 * 60_000,
      sign: (beat) => signBeat(scope, beat, account),
    })
    const first = slotAt(START / 1_000)
    expect(sent.map(({ slot }) => slot)).toEqual(Array.from({ length: sent.length }, (_, i) => first + i))
    expect(sent.length).toBeGreaterThanOrEqual(80)
    for (const { slot, atMs } of sent) expect(slotAt(atMs / 1_000)).toBe(slot)
    for (const { message } of sent.slice(0, 3)) {
      expect(decodeBeat(new TextEncoder().encode(message)).beat).toMatchObject(saying)
    }
    expect(status).toEqual({ lastSlot: sent.at(-1)!.slot, via: 'gossip', error: null })
  })

  it('tries again until its slot is over, with the same beat, and says so once', async () => {
    const warnings: string[] = []
    const outage = [5, 6, 7].map((i) => slotAt(START / 1_000) + i)
    const { sent, status } = await live({
      time: makeTime(),
      untilMs: 3 * 60_000,
      warnings,
      takesMs: 300,
      carry: ({ slot }) => {
        if (outage.includes(slot)) throw new AgentError('beat-undelivered', 'No keeper took the beat.')
      },
    })
    for (const slot of outage) {
      const tries = sent.filter((one) => one.slot === slot)
      expect(tries.length).toBeGreaterThanOrEqual(3)
      expect(tries.length).toBeLessThanOrEqual(8)
      expect(new Set(tries.map(({ message }) => message)).size).toBe(1)
      expect(tries.at(-1)!.atMs).toBeLessThan((slot + 1) * SLOT_SECONDS * 1_000)
    }
    expect(warnings).toEqual(['No keeper took the beat.'])
    expect(status.error).toBeNull()
  })

  it('does not insist where a keeper says that the beat is wrong', async () => {
    const { sent, status } = await live({
      time: makeTime(),
      untilMs: 60_000,
      carry: () => {
        throw new AgentError('beat-refused', 'The keeper refused the beat.')
      },
    })
    expect(new Set(sent.map(({ slot }) => slot)).size).toBe(sent.length)
    expect(status).toEqual({ lastSlot: null, via: null, error: 'The keeper refused the beat.' })
  })

  it('outlives whatever goes wrong while a beat is made', async () => {
    let made = 0
    const { sent } = await live({
      time: makeTime(),
      untilMs: 3 * 60_000,
      sign: async (beat) => {
        made += 1
        if (made % 2 === 1) throw new Error('the key is on holiday')
        return unsigned(beat)
      },
    })
    expect(sent.length).toBeGreaterThanOrEqual(4)
  })

  it('never makes two beats for a slot, through jumps of the clock and restarts', async () => {
    const minute = 60_000
    const jump = fc.record({
      atMs: fc.integer({ min: 0, max: 30 * minute }),
      jumpMs: fc.integer({ min: -20 * minute, max: 20 * minute }),
    })
    const restarts = fc.array(fc.integer({ min: 0, max: 30 * minute }), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(fc.array(jump, { maxLength: 6 }), restarts, async (jumps, ends) => {
        db.close()
        db = openDatabase(':memory:')
        const time = makeTime(jumps)
        const all: Sent[] = []
        for (const untilMs of [...ends.sort((a, b) => a - b), 30 * minute]) {
          all.push(...(await live({ time, untilMs })).sent)
        }
        expect(new Set(all.map(({ slot }) => slot)).size).toBe(all.length)
        const boots = all.map(({ bootId }) => bootId)
        expect(boots).toEqual(boots.toSorted((a, b) => a - b))
        // Where nothing jumps, no slot goes without.
        if (jumps.length === 0 && ends.length === 0) expect(all.length).toBeGreaterThanOrEqual(120)
      }),
      { numRuns: 60 },
    )
  })
})

describe('the book of slots', () => {
  it('gives a higher number at every start, whatever the clock says', () => {
    const numbers = [START, START + 5, START - 3_600_000, START].map((now) => makeSlotBook(db, now).bootId)
    expect(numbers).toEqual([START, START + 5, START + 6, START + 7])
  })

  it('remembers a day of slots by their age', () => {
    const book = makeSlotBook(db, START)
    // Made while the clock was far ahead: the newest, though not the highest for long.
    expect(book.claim(9_000_000)).toBe(true)
    for (let slot = 1; slot <= 6_000; slot++) expect(book.claim(slot)).toBe(true)
    expect(book.claim(6_000)).toBe(false)
    expect(book.claim(300)).toBe(false)
    expect(makeSlotBook(db, START).claim(300)).toBe(false)
    const { count } = db.prepare('SELECT count(*) AS count FROM beats_made').get() as { count: number }
    expect(count).toBe(5_760)
  })
})
