// Votes to give tenants back the time that their node was away, if this keeper's key is one of the attesters. The
// quorum's contract does the counting; here is only one voice, and it speaks from what it heard itself. Level-triggered:
// each round starts from the chain's votes and credits, so a restart votes for nothing twice.
import type { Chain, Follower, Journal } from '@decloud/chain'
import { DecloudError, downtimeQuorumAbi, type LeaseView, runsOutAt, sentenceOf } from '@decloud/protocol'
import { slotAt } from '@decloud/protocol/wire/heartbeat'
import { type Address, encodeFunctionData, type Hex } from 'viem'
import { type DayBits, dayOf, hasSlot } from '../domain/day-bits.ts'
import { boundaryAt, claimAt, type Interval, outagesIn, voteFor } from '../domain/downtime.ts'
import { expectedOn, spansOf } from '../domain/uptime.ts'
import { oneAtATime } from '../lib/loop.ts'
import type { BeatBooks, BeatHistory } from '../ports/beats.ts'
import type { Log } from '../ports/log.ts'

export type CreditsDeps = {
  chain: Chain
  follower: Pick<Follower, 'health' | 'synced'>
  journal: Pick<Journal, 'send' | 'inFlight' | 'address'>
  quorum: Address
  books: Pick<BeatBooks, 'heardOf' | 'listenedOn'>
  history: BeatHistory
  /** Leases that can still change. */
  leases(): readonly LeaseView[]
  /** Whether chain and clock are believed at this moment. */
  trusted(): boolean
  log: Log
  /** Unix milliseconds. */
  now(): number
  signal: AbortSignal
}

export type Voted = { voted: number; failed: number; skipped: boolean }
const SKIPPED: Voted = { voted: 0, failed: 0, skipped: true }

const KIND = 'credit-vote'
/** The longest hold-back there is, in seconds: nothing older can be given back. Mirrors `Caps.HOLD_BACK`. */
const MAX_HOLD_BACK = 86_400

/** Running, or ended so lately that some of it may still be creditable. */
const isClaimable = (lease: LeaseView, now: number) =>
  lease.holdBack > 0 &&
  (lease.status === 'Active' ||
    (lease.status === 'Ended' && lease.startedAt > 0 && now < lease.endedAt + lease.holdBack))

export const makeCredits = (deps: CreditsDeps) => {
  const { chain, follower, journal, quorum, books, history, log } = deps

  const isAttester = () =>
    chain.request('read the attesters', (client) =>
      client.readContract({
        ...{ address: quorum, abi: downtimeQuorumAbi, functionName: 'isAttester' },
        args: [journal.address],
      }),
    )

  /** Seconds in which the node was expected, listened for and silent, as far back as anything may be credited. */
  const outagesOf = (node: number, now: number): Interval[] => {
    const spans = spansOf(history.activityOf(node))
    const days = new Map<number, Record<'expected' | 'listened' | 'heard', DayBits>>()
    const dayBits = (day: number) => {
      const known = days.get(day) ?? {
        expected: expectedOn(day, spans),
        listened: books.listenedOn(day),
        heard: books.heardOf(node, day),
      }
      days.set(day, known)
      return known
    }
    // Credits look back a hold-back from a boundary, which itself lies up to an hour back.
    return outagesIn(slotAt(now - 2 * MAX_HOLD_BACK), slotAt(now), (slot) => {
      const { expected, listened, heard } = dayBits(dayOf(slot))
      return hasSlot(expected, slot) && hasSlot(listened, slot) && !hasSlot(heard, slot)
    })
  }

  const voteOn = (lease: LeaseView, outages: readonly Interval[], chainNow: number): number | null => {
    const { leaseId, startedAt, endedAt, holdBack } = lease
    const boundary = boundaryAt(deps.now() / 1_000, holdBack)
    const meter = { startedAt, endedAt, holdBack, runsOutAt: runsOutAt(lease) }
    const claim = claimAt(meter, outages, history.creditsOf(leaseId), boundary)
    return claim === 0 ? null : voteFor(claim, history.votesOf(leaseId), journal.address, holdBack, chainNow)
  }

  const send = async (leaseId: Hex, duration: number) => {
    const data = encodeFunctionData({
      abi: downtimeQuorumAbi,
      functionName: 'vote',
      args: [leaseId, duration],
    })
    const dedupe = `${KIND} ${leaseId} ${duration}`
    const { hash, blockNumber } = await journal.send({ kind: KIND, dedupe, to: quorum, data })
    log.info({ leaseId, duration, hash }, 'voted for a credit')
    await follower.synced({ height: blockNumber })
  }

  /** One vote at most for each lease. Skipped while a vote is on its way: the votes read would lack it. */
  const round = async (): Promise<Voted> => {
    const { state, cursor } = follower.health()
    const underway = journal.inFlight().some(({ kind, state }) => kind === KIND && state === 'pending')
    if (state !== 'live' || cursor === null || underway || !deps.trusted()) return SKIPPED
    const claimable = deps.leases().filter((lease) => isClaimable(lease, Number(cursor.timestamp)))
    if (claimable.length === 0 || !(await isAttester())) return { voted: 0, failed: 0, skipped: false }
    const result = { voted: 0, failed: 0, skipped: false }
    for (const [node, leases] of Map.groupBy(claimable, (lease) => lease.node)) {
      const outages = outagesOf(node, deps.now() / 1_000)
      if (outages.length === 0) continue
      for (const lease of leases) {
        if (deps.signal.aborted) return result
        const duration = voteOn(lease, outages, Number(cursor.timestamp))
        if (duration === null) continue
        try {
          await send(lease.leaseId, duration)
          result.voted += 1
        } catch (error) {
          result.failed += 1
          const code = error instanceof DecloudError ? error.code : 'unknown'
          // Somebody was faster, or all of it has vested meanwhile.
          log[code === 'simulation-reverted' ? 'info' : 'warn'](
            { leaseId: lease.leaseId, code },
            sentenceOf(error),
          )
          if (!code.endsWith('-reverted')) return result
        }
      }
    }
    return result
  }

  return { round: oneAtATime(round) }
}
