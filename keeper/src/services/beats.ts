// Hears beats, whoever brought them, and keeps the books of them: which slots of which node, and which of them this
// keeper listened to itself. What comes in is buffered and written every few seconds, beats and own listening together:
// a process that is killed loses knowledge, never counts a beat as missed that it had heard.
import { DecloudError, sentenceOf } from '@decloud/protocol'
import {
  type Beat,
  type BeatScope,
  beatTopic,
  checkSlot,
  decodeBeat,
  LATE_SLOTS,
  SLOTS_PER_DAY,
  slotAt,
  verifyBeat,
} from '@decloud/protocol/wire/heartbeat'
import type { Address } from 'viem'
import { dayOf } from '../domain/day-bits.ts'
import { DEAF, GRACE_SLOTS, isProven, listen } from '../domain/ear.ts'
import { WINDOW_DAYS } from '../domain/uptime.ts'
import type { BeatBooks } from '../ports/beats.ts'
import type { Log } from '../ports/log.ts'

export type BeatsDeps = {
  books: BeatBooks
  scope: BeatScope
  /** A node as the newest block has it; undefined for one that is not registered. */
  node(node: number): { agent: Address; active: boolean } | undefined
  /** Whether chain and clock are believed at this moment: only then can silence be held against anybody. */
  trusted(): boolean
  log: Log
  /** Unix milliseconds. */
  now(): number
  /** Milliseconds of any clock that never jumps. */
  steady(): number
}

export type Admission = 'accepted' | 'known'

/** Accepted beats kept in memory at most; more are written at once. */
const MAX_UNWRITTEN = 10_000

export const makeBeats = (deps: BeatsDeps) => {
  const { books, scope, now, log } = deps
  const newest = new Map<number, Beat>(books.newest().map((beat) => [beat.node, beat]))
  /** Slots heard of each node, as far back as a beat is still taken. */
  const recent = new Map<number, Set<number>>()
  const heardIn = new Set<number>()
  let ear = DEAF
  let unwritten = { count: 0, heard: new Map<number, Set<number>>(), beats: new Map<number, Beat>() }
  let listened: number[] = []
  let voices = 0
  let lastHeard = -1
  let forgotAt = -1

  const nowSlot = () => slotAt(now() / 1_000)
  const isKnown = ({ node, slot }: Beat) => recent.get(node)?.has(slot) === true

  const remember = (beat: Beat) => {
    const slots = recent.get(beat.node) ?? new Set()
    recent.set(beat.node, slots.add(beat.slot))
    heardIn.add(beat.slot)
    lastHeard = Math.max(lastHeard, beat.slot)
    const unwrittenSlots = unwritten.heard.get(beat.node) ?? new Set()
    unwritten.heard.set(beat.node, unwrittenSlots.add(beat.slot))
    unwritten.count += 1
    if ((newest.get(beat.node)?.slot ?? -1) > beat.slot) return
    newest.set(beat.node, beat)
    unwritten.beats.set(beat.node, beat)
  }

  /**
   * Takes one beat, cheapest checks first.
   * @throws DecloudError `beat-oversized`, `beat-malformed`, `beat-early`, `beat-late`, `beat-node-unknown`,
   *   `beat-not-agents`.
   */
  const admit = async (message: Uint8Array): Promise<Admission> => {
    const signed = decodeBeat(message)
    const { beat } = signed
    checkSlot(beat.slot, nowSlot())
    const node = deps.node(beat.node)
    if (node === undefined) {
      throw new DecloudError('beat-node-unknown', `There is no node ${beat.node} in the registry.`, {
        hint: 'A registration is known here a few seconds after its block.',
        details: { node: beat.node },
      })
    }
    if (isKnown(beat)) return 'known'
    await verifyBeat(scope, signed, node.agent)
    // The same beat may have come another way meanwhile.
    if (isKnown(beat)) return 'known'
    remember(beat)
    if (unwritten.count >= MAX_UNWRITTEN) write()
    return 'accepted'
  }

  const write = () => {
    if (unwritten.count === 0 && listened.length === 0) return
    const news = { heard: unwritten.heard, listened, newest: unwritten.beats.values() }
    books.write(news)
    unwritten = { count: 0, heard: new Map(), beats: new Map() }
    listened = []
  }

  /** Once a slot: what no beat can refer to any more, and days out of the window. */
  const forget = () => {
    if (nowSlot() === forgotAt) return
    if (dayOf(nowSlot()) !== dayOf(forgotAt)) books.dropBefore(dayOf(nowSlot()) - WINDOW_DAYS)
    forgotAt = nowSlot()
    const oldest = forgotAt - LATE_SLOTS - GRACE_SLOTS
    for (const [node, slots] of recent) {
      for (const slot of slots) if (slot < oldest) slots.delete(slot)
      if (slots.size === 0) recent.delete(node)
    }
    for (const slot of heardIn) if (slot < oldest) heardIn.delete(slot)
    const since = forgotAt - WINDOW_DAYS * SLOTS_PER_DAY
    voices = [...newest.values()].filter((beat) => beat.slot >= since).length
  }

  /** To be called once a second; a call that comes late shows that this process was away. */
  const step = () => {
    forget()
    const moment = { wallMs: now(), steadyMs: deps.steady(), trusted: deps.trusted() }
    const heard = listen(ear, moment)
    ear = heard.ear
    listened.push(...heard.slots.filter((slot) => isProven({ heardAny: heardIn.has(slot), voices })))
  }

  return {
    topic: beatTopic(scope),
    admit,
    step,
    /** Puts what was heard on disk. */
    write: () => {
      try {
        write()
      } catch (error) {
        // Kept, and tried again with the next.
        log.error({ code: 'beats-unwritten' }, `Beats could not be written: ${sentenceOf(error)}`)
      }
    },
    newest: (node: number): Beat | null => newest.get(node) ?? null,
    /** Whether this keeper has listened from `slot` until now, so that it would have heard what there was to hear. */
    hasListenedSince: (slot: number): boolean => {
      if (ear.since === null || ear.since > slot) return false
      return isProven({ heardAny: lastHeard >= slot, voices })
    },
    nowSlot,
  }
}
export type Beats = ReturnType<typeof makeBeats>
