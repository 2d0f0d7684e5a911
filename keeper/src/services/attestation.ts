// Once a UTC day is over, says on chain how many beats each node missed on it: if this keeper's key is an attester, and
// only what it knows. Level-triggered: what stands on chain is read first, so a crash, a second round or a lost database
// posts nothing twice and takes nothing back.
import type { Chain, Follower, Journal } from '@decloud/chain'
import { DecloudError, reputationAbi, sentenceOf } from '@decloud/protocol'
import { type Address, encodeFunctionData, keccak256 } from 'viem'
import { packWords, type Run, runsToPost, type Words } from '../domain/attestation.ts'
import { expectedOn, missedToAttest, spansOf, tallyOf, WINDOW_DAYS } from '../domain/uptime.ts'
import { oneAtATime } from '../lib/loop.ts'
import type { BeatBooks, BeatHistory } from '../ports/beats.ts'
import type { Log } from '../ports/log.ts'

export type AttestationDeps = {
  chain: Chain
  follower: Pick<Follower, 'health'>
  journal: Pick<Journal, 'send' | 'address'>
  reputation: Address
  books: Pick<BeatBooks, 'heardOn' | 'listenedOn'>
  history: Pick<BeatHistory, 'activityOf'>
  /** Indices of all registered nodes. */
  nodes(): readonly number[]
  log: Log
  /** Unix milliseconds. */
  now(): number
  signal: AbortSignal
}

/** Seconds after midnight before the day is spoken of: late beats have come, and clocks may differ. */
const MARGIN = 600
/** Words of one call: 64 new ones cost about 1.5 million gas. */
const MAX_WORDS = 64
const DAY = 86_400

export type Attested = { posted: number; failed: number; skipped: boolean }
const SKIPPED: Attested = { posted: 0, failed: 0, skipped: true }

export const makeAttestation = (deps: AttestationDeps) => {
  const { chain, journal, reputation, books, history, log } = deps
  /** Days that stand on chain as this process would post them. */
  const done = new Set<number>()

  const isAttester = () =>
    chain.request('read the attesters', (client) =>
      client.readContract({
        ...{ address: reputation, abi: reputationAbi, functionName: 'isAttester' },
        args: [journal.address],
      }),
    )

  const oursOf = (day: number): Words => {
    const listened = books.listenedOn(day)
    const heard = books.heardOn(day)
    const missed = new Map<number, number>()
    for (const node of deps.nodes()) {
      const expected = expectedOn(day, spansOf(history.activityOf(node)))
      const count = missedToAttest(
        tallyOf({ expected, listened, heard: heard.get(node) ?? new Uint8Array(listened.length) }),
      )
      if (count !== null) missed.set(node, count)
    }
    return packWords(missed)
  }

  const postedOf = (day: number, groups: readonly number[]): Promise<Words> =>
    chain.request('read what was attested', async (client) => {
      const words = await Promise.all(
        groups.map((group) =>
          client.readContract({
            ...{ address: reputation, abi: reputationAbi, functionName: 'wordOf' },
            args: [journal.address, day, group],
          }),
        ),
      )
      return new Map(groups.map((group, i) => [group, words[i]!]))
    })

  const post = async (day: number, { firstGroup, words }: Run) => {
    const data = encodeFunctionData({
      abi: reputationAbi,
      functionName: 'attest',
      args: [day, firstGroup, words],
    })
    const dedupe = `attest ${day} ${keccak256(data)}`
    const { hash } = await journal.send({ kind: 'attest', dedupe, to: reputation, data })
    log.info({ day, firstGroup, words: words.length, hash }, 'attested')
  }

  const attestDay = async (day: number): Promise<number> => {
    const ours = oursOf(day)
    // Every group up to the last: what lies between two runs may be written again with them.
    const last = Math.max(-1, ...ours.keys())
    const groups = Array.from({ length: last + 1 }, (_, group) => group)
    const runs = runsToPost(ours, await postedOf(day, groups), MAX_WORDS)
    for (const run of runs) await post(day, run)
    return runs.length
  }

  /** Every day of the window that is over and not yet done. */
  const round = async (): Promise<Attested> => {
    const { state, cursor } = deps.follower.health()
    if (state !== 'live' || cursor === null) return SKIPPED
    // The contract's clock decides which day is over, ours whether all of it has been heard.
    const today = Math.floor(Number(cursor.timestamp) / DAY)
    const heardThrough = Math.floor((deps.now() / 1_000 - MARGIN) / DAY)
    const result = { posted: 0, failed: 0, skipped: false }
    const days = daysBefore(today, Math.min(today, heardThrough)).filter((day) => !done.has(day))
    if (days.length === 0) return result
    if (!(await isAttester())) return SKIPPED
    for (const day of days) {
      if (deps.signal.aborted) break
      try {
        result.posted += await attestDay(day)
        done.add(day)
      } catch (error) {
        result.failed += 1
        log.warn({ day, code: codeOf(error) }, sentenceOf(error))
        if (!codeOf(error).endsWith('-reverted')) break
      }
    }
    for (const day of done) if (day < today - WINDOW_DAYS) done.delete(day)
    return result
  }

  return { round: oneAtATime(round) }
}

/** The days of the window that end before `end`. */
const daysBefore = (today: number, end: number): number[] =>
  Array.from({ length: WINDOW_DAYS }, (_, i) => today - WINDOW_DAYS + i).filter((day) => day < end)

const codeOf = (error: unknown) => (error instanceof DecloudError ? error.code : 'unknown')
