import type { Database } from 'better-sqlite3'
import type { Abi, LocalAccount } from 'viem'
import type { Chain } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { makeMutex, pause } from '../wait.ts'
import { makeIntentTable } from './intents.ts'
import { makeSender } from './sender.ts'
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
  /** Unmined for so long, a transaction is replaced by one with higher fees; 30 s by default. */
  replaceAfterMs?: number
  /** Transactions signed for one intent at most; 8 by default: 1.125⁷ ≈ 2.3 times the first fees, or the market's. */
  maxAttempts?: number
  /** Told about failures that are tried again. */
  onError?(error: unknown): void
  now?(): number
}

const LOCAL = /^https?:\/\/(127\.|localhost|\[::1\])/

export const makeJournal = (options: JournalOptions): Journal => {
  const { chain, db, account, now = Date.now, onError = () => {} } = options
  const local = chain.clients.every((client) => LOCAL.test(client.transport.url ?? ''))
  const pollMs = options.pollMs ?? (local ? 20 : 1_000)
  const abi = options.abi ?? []
  const table = makeIntentTable(db, account.address)
  const abort = new AbortController()
  const sender = makeSender({ chain, account, table, abi, now })
  const watcher = makeWatcher({
    chain,
    address: account.address,
    table,
    sender,
    abi,
    pollMs,
    replaceAfterMs: options.replaceAfterMs ?? 30_000,
    maxAttempts: options.maxAttempts ?? 8,
    signal: abort.signal,
    now,
    onError,
  })
  const oneAtATime = makeMutex()
  const flights = new Map<number, Promise<Mined>>()
  let confirming: Promise<void> | null = null

  const follow = (id: number, sent: boolean): Promise<Mined> => {
    const known = flights.get(id)
    if (known !== undefined) return known
    const flight = watcher.watch(id, sent).finally(() => flights.delete(id))
    // Those who wait get the error from the promise; a flight that nobody waits for has told `onError`.
    flight.catch((error: unknown) => abort.signal.aborted || onError(error))
    flights.set(id, flight)
    return flight
  }

  const launch = (intent: Required<Intent>, maxGas: bigint | undefined) =>
    oneAtATime(async () => {
      if (abort.signal.aborted) throw closedError()
      const flying = table.pending(intent.dedupe)
      // Wrapped: an async function would wait for a bare promise, and hold everybody else up until it is mined.
      if (flying !== undefined) return { flight: follow(flying.id, false) }
      const { record, sent } = await sender.open(intent, maxGas)
      return { flight: follow(record.id, sent) }
    })

  // Mined is not final: a block that a reorg takes away puts its intents back in flight.
  const confirmLoop = async () => {
    while (!abort.signal.aborted) {
      for (const record of table.inFlight()) {
        if (record.state !== 'mined' || abort.signal.aborted) continue
        try {
          if ((await watcher.confirm(record)) === 'pending') follow(record.id, false)
        } catch (error) {
          onError(error)
        }
      }
      await pause(pollMs * 10, abort.signal)
    }
  }

  const begin = () => {
    confirming ??= confirmLoop()
  }

  return {
    address: account.address,
    send: async (intent, { deadlineMs = 180_000, maxGas } = {}) => {
      begin()
      const { flight } = await launch({ value: 0n, ...intent }, maxGas)
      return withDeadline(flight, deadlineMs, intent.kind)
    },
    recover: async () => {
      begin()
      for (const record of table.inFlight()) if (record.state === 'pending') follow(record.id, false)
    },
    inFlight: () => table.inFlight(),
    find: (dedupe) => table.newest(dedupe),
    close: async () => {
      abort.abort()
      await oneAtATime(async () => {})
      await Promise.allSettled([...flights.values(), confirming])
    },
  }
}

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
