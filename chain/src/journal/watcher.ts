// What became of a transaction, read from the chain: never from what a send call said.
import type { Abi, Address } from 'viem'
import type { Chain } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { pause } from '../wait.ts'
import type { Broadcast } from './broadcast.ts'
import type { IntentTable } from './intents.ts'
import { toRevert } from './refusals.ts'
import type { Sender } from './sender.ts'
import { isNonceTaken, lookFor, replay, type Sight, stateAt } from './sights.ts'
import type { IntentRecord, Mined } from './types.ts'

export type WatcherDeps = {
  chain: Chain
  address: Address
  table: IntentTable
  sender: Sender
  abi: Abi
  pollMs: number
  replaceAfterMs: number
  signal: AbortSignal
  now(): number
  onError(error: unknown): void
}

/** How one pending intent fares. `rest`: looks to take before the next push. */
type Flight = { last: Broadcast | null; refusals: number; failures: number; rest: number; said: Set<string> }

// Refused so often by every node for a reason of its own, it will never be taken: its nonce goes to nothing.
const REFUSALS_UNTIL_CANCEL = 5
const LONGEST_REST_MS = 10_000

export const makeWatcher = (deps: WatcherDeps) => {
  const { chain, address, table, sender, signal, now, pollMs } = deps

  // A trouble that lasts is told once for each transaction, not at every look.
  const say = (flight: Flight, error: unknown) => {
    const code = error instanceof ChainError ? error.code : 'unknown'
    if (flight.said.has(code)) return
    flight.said.add(code)
    deps.onError(error)
  }

  const resolve = async (record: IntentRecord, sight: Sight): Promise<Mined> => {
    const receipt = sight.receipt!
    const place = { hash: receipt.transactionHash, blockNumber: receipt.blockNumber }
    const state = stateAt(sight, table.attemptsOf(record.id))
    table.settle(record.id, state, place)
    const { gasUsed, effectiveGasPrice } = receipt
    if (state === 'mined' || state === 'final') {
      return { ...place, gasUsed, effectiveGasPrice, replaced: record.hashes.indexOf(place.hash) }
    }
    if (receipt.status === 'success') throw cancelled(record)
    throw toRevert('tx-reverted', record, await replay(chain, address, record, receipt), undefined, deps.abi)
  }

  const isDue = (record: IntentRecord): boolean => {
    const age = now() - table.attemptsOf(record.id).at(-1)!.createdAt
    // A clock that was set back must not hold a replacement up for ever.
    return age < 0 || age > deps.replaceAfterMs
  }

  const send = (record: IntentRecord, { last, refusals }: Flight): Promise<Broadcast> | null => {
    if (refusals >= REFUSALS_UNTIL_CANCEL) return sender.cancel(record)
    if (last?.outcome === 'refused' && last.why === 'underpriced') return sender.replace(record, true)
    if (isDue(record)) return sender.replace(record, false)
    return last?.outcome === 'held' ? null : sender.resend(record)
  }

  /** Sends again, or more dearly, where that is due. A failure waits longer each time. */
  const push = async (record: IntentRecord, flight: Flight) => {
    flight.rest -= 1
    if (flight.rest > 0) return
    try {
      const answer = await send(record, flight)
      if (answer === null) return
      flight.last = answer
      if (answer.outcome === 'held') {
        flight.refusals = flight.failures = 0
        flight.rest = Math.ceil(Math.min(deps.replaceAfterMs, LONGEST_REST_MS) / pollMs)
        return
      }
      flight.refusals =
        answer.outcome === 'refused' && answer.why === 'other'
          ? (flight.refusals % REFUSALS_UNTIL_CANCEL) + 1
          : 0
      // The next look tells whose transaction used the nonce.
      if (answer.outcome === 'refused' && answer.why === 'nonce-low') return
      // Outbidding needs no rest.
      if (answer.outcome === 'refused' && answer.why === 'underpriced') return
      say(flight, answer.error)
    } catch (error) {
      say(flight, error)
    }
    flight.failures = Math.min(flight.failures + 1, 20)
    flight.rest = Math.min(2 ** flight.failures, Math.ceil(LONGEST_REST_MS / pollMs))
  }

  /** Follows one pending intent until it is mined. @throws as `Journal.send`; `journal-closed` on abort. */
  const watch = async (id: number, last: Broadcast | null): Promise<Mined> => {
    const flight: Flight = { last, refusals: 0, failures: 0, rest: 0, said: new Set() }
    let silent = 0
    while (!signal.aborted) {
      const record = table.get(id)
      const sight = await lookFor(chain, address, record).catch((error: unknown) => {
        say(flight, error)
        return null
      })
      silent = sight === null ? Math.min(silent + 1, 10) : 0
      if (sight?.receipt) return resolve(record, sight)
      if (sight !== null) {
        if (sight.chainNonce <= record.nonce) await push(record, flight)
        else if (await isNonceTaken(chain, address, record)) throw lose(record)
      }
      await pause(Math.min(pollMs * 2 ** silent, LONGEST_REST_MS), signal)
    }
    throw closedError()
  }

  const lose = (record: IntentRecord): ChainError => {
    table.settle(record.id, 'lost')
    return new ChainError(
      'nonce-taken',
      `Another transaction of ${address} took nonce ${record.nonce}, meant for ${record.kind}.`,
      {
        retryable: true,
        hint: 'Give each process a key of its own.',
        details: { address, nonce: record.nonce, kind: record.kind },
      },
    )
  }

  /** What was mined becomes final, or goes back to pending when a reorg took its block away. @returns its new state. */
  const confirm = async (record: IntentRecord): Promise<IntentRecord['state']> => {
    const sight = await lookFor(chain, address, record)
    if (sight.receipt !== null) {
      const { transactionHash: hash, blockNumber } = sight.receipt
      table.settle(record.id, stateAt(sight, table.attemptsOf(record.id)), { hash, blockNumber })
    } else if (sight.chainNonce <= record.nonce) table.settle(record.id, 'pending')
    else if (await isNonceTaken(chain, address, record)) table.settle(record.id, 'lost')
    return table.get(record.id).state
  }

  return { watch, confirm }
}

const cancelled = ({ kind, nonce }: IntentRecord) =>
  new ChainError(
    'tx-cancelled',
    `No node took ${kind}, so nonce ${nonce} went to a transaction without effect.`,
    {
      retryable: true,
      hint: 'The log says why nodes refused it; ask for the same again once that is mended.',
      details: { kind, nonce },
    },
  )

export const closedError = () =>
  new ChainError(
    'journal-closed',
    'The journal was closed; the intent stays in it and is taken up at the next start.',
  )
