import type { Database } from 'better-sqlite3'
import type { Abi, LocalAccount } from 'viem'
import type { Chain } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { makeMutex } from '../wait.ts'
import type { Broadcast } from './broadcast.ts'
import { makeForgotten } from './forgotten.ts'
import { makeIntentTable } from './intents.ts'
import { makeSender } from './sender.ts'
import { makeTender } from './tender.ts'
import type { Intent, Journal, Mined } from './types.ts'
import { closedError, makeWatcher } from './watcher.ts'

export type JournalOptions = {
  chain: Chain
  /** Opened by `openDatabase`; may hold other tables. The journal does not close it. */
  db: Database
  /** No other process may send with this key. */
  account: LocalAccount
  /** Further ABIs from which refusals are named; the protocol's own are known. */
  abi?: Abi
  /** Milliseconds between looks for a receipt; 20 for RPCs on this machine, else 1000. */
  pollMs?: number
  /**
   * Unmined for so long, a transaction is replaced by one with higher fees, and so is one of this key that the journal
   * does not know; 30 s by default.
   */
  replaceAfterMs?: number
  /** From so many transactions signed for one intent on, more is paid only where the market asks it; 8 by default. */
  maxAttempts?: number
  /** Wei per gas that no transaction pays more than; by default there is no such bound. */
  maxFeePerGas?: bigint
  /** Told about failures that are tried again. */
  onError?(error: unknown): void
  now?(): number
}

const LOCAL = /^https?:\/\/(127\.|localhost|\[::1\])/
const NO_CAP = 2n ** 200n

export const makeJournal = (options: JournalOptions): Journal => {
  const { chain, db, account, now = Date.now } = options
  const local = chain.clients.every((client) => LOCAL.test(client.transport.url ?? ''))
  const pollMs = options.pollMs ?? (local ? 20 : 1_000)
  const abi = options.abi ?? []
  const table = makeIntentTable(db, account.address)
  const replaceAfterMs = options.replaceAfterMs ?? 30_000
  const abort = new AbortController()
  const onError = (error: unknown) => {
    if (!abort.signal.aborted) options.onError?.(error)
  }
  const sender = makeSender({
    ...{ chain, account, table, abi, now },
    maxFeePerGas: options.maxFeePerGas ?? NO_CAP,
    maxAttempts: options.maxAttempts ?? 8,
  })
  const watcher = makeWatcher({
    ...{ chain, address: account.address, table, sender, abi, pollMs, now, onError },
    replaceAfterMs,
    signal: abort.signal,
  })
  const forgottenMined = makeForgotten({
    ...{ chain, address: account.address, table, pollMs, now },
    forMs: replaceAfterMs,
    signal: abort.signal,
  })
  const oneAtATime = makeMutex()
  const flights = new Map<number, Promise<Mined>>()

  const follow = (id: number, last: Broadcast | null = null): Promise<Mined> => {
    const known = flights.get(id)
    if (known !== undefined) return known
    const flight = watcher.watch(id, last).finally(() => flights.delete(id))
    // Those who wait get the error from the promise; a flight that nobody waits for has told `onError`.
    flight.catch(onError)
    flights.set(id, flight)
    return flight
  }

  const launch = (intent: Required<Intent>, maxGas?: bigint) =>
    oneAtATime(async () => {
      if (abort.signal.aborted) throw closedError()
      const before = table.newest(intent.dedupe)
      const state =
        before?.state === 'mined' || before?.state === 'refused'
          ? await watcher.confirm(before)
          : before?.state
      // Wrapped: an async function would wait for a bare promise, and hold everybody else up until it is mined.
      if (state === 'pending') return { flight: follow(before!.id) }
      await forgottenMined()
      if (abort.signal.aborted) throw closedError()
      const { record, sent } = await sender.open(intent, await tender.nextNonce(), maxGas)
      return { flight: follow(record.id, sent) }
    })

  const tender = makeTender({
    ...{ chain, address: account.address, table, launch, onError, signal: abort.signal },
    confirm: watcher.confirm,
    follow: (id) => void follow(id),
    everyMs: pollMs * 10,
  })

  const checkChain = async () => {
    const { chainId } = chain.deployment
    const { hash } = await chain.request('read the first block', (client) =>
      client.getBlock({ blockNumber: 0n }),
    )
    const written = table.chainOf({ chainId, genesis: hash })
    if (written.chainId !== chainId || written.genesis !== hash) throw foreign()
  }
  let begun: Promise<void> | null = null
  let tending: Promise<void> | null = null
  const begin = async () => {
    begun ??= checkChain()
    try {
      await begun
    } catch (error) {
      begun = null
      throw error
    }
    if (!abort.signal.aborted) tending ??= tender.loop()
  }

  return {
    address: account.address,
    send: async (intent, { deadlineMs = 180_000, maxGas } = {}) => {
      await begin()
      const { flight } = await launch({ value: 0n, gas: 0n, ...intent }, maxGas)
      return withDeadline(flight, deadlineMs, intent.kind)
    },
    recover: begin,
    inFlight: () => table.inFlight(),
    find: (dedupe) => table.newest(dedupe),
    close: async () => {
      abort.abort()
      await oneAtATime(async () => {})
      await Promise.allSettled([...flights.values(), tending])
    },
  }
}

const foreign = () =>
  new ChainError('store-foreign', 'The journal of transactions was written for another chain.', {
    hint: 'Give each chain a data folder of its own; after a local chain was started anew, delete the old one.',
  })

const withDeadline = <result>(work: Promise<result>, deadlineMs: number, kind: string): Promise<result> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(
          new ChainError(
            'tx-not-mined',
            `The transaction of ${kind} was not mined within ${deadlineMs} ms.`,
            {
              retryable: true,
              hint: 'It stays in flight; asking for the same thing again waits for it.',
            },
          ),
        ),
      deadlineMs,
    )
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
