import { addressesOf, DecloudError, sentenceOf } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { BaseError } from 'viem'
import type { Chain } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { toStoreError } from '../store.ts'
import { backoffMs } from '../wait.ts'
import { compareRpcs } from './agreement.ts'
import { makeLogStore } from './log-store.ts'
import { makeStepper, type Seen, type StepResult } from './stepper.ts'
import type { FeedChange, FeedHealth, Follower, Projector } from './types.ts'
import { makeVerifier } from './verifier.ts'

export type FollowerOptions = {
  chain: Chain
  /** Opened by `openDatabase`; may hold other tables. The follower does not close it. */
  db: Database
  projectors: readonly Projector[]
  /**
   * Milliseconds between looks at the head: by default 1000, 250 for RPCs on this machine, 15 where these serve a
   * development chain. Doubles while nothing happens.
   */
  pollMs?: number
  /** Without a successful look for so long the feed is stale; 30 s by default. */
  staleAfterMs?: number
  /** A head older than this is stale; by default 120 s, and no limit on a development chain (31337). */
  maxHeadAgeMs?: number
  /**
   * How long a head below the cursor, on the same chain, is taken for an RPC that lags, before the blocks above it are taken
   * back: by default 5 s on a development chain, which a person may cut short, and for ever on any other.
   */
  shortAfterMs?: number
  /** Time between comparisons of several RPCs; 30 s by default. */
  agreementEveryMs?: number
  /** What became final is read a second time at least so often; at every look for RPCs on this machine, else 10 s. */
  verifyEveryMs?: number
  /** Time between two pieces of the endless reading of everything once more; 60 s by default. */
  rereadEveryMs?: number
  /** Told about each failed step and each listener that threw; the feed goes on. */
  onError?(error: DecloudError): void
}

const LOCAL = /^https?:\/\/(127\.|localhost|\[::1\])/
const DEVELOPMENT_CHAIN = 31_337
const PUZZLING: ReadonlySet<string> = new Set(['feed-failed', 'log-malformed'])
/** So often a step fails over the same before the store is doubted. */
const PUZZLED_TRIES = 3
/** So many final blocks are read again without waiting. */
const VERIFY_AT_ONCE = 64n

export const makeFollower = (options: FollowerOptions): Follower => {
  const { chain, db, onError = () => {} } = options
  const { pace } = chain
  const { now } = pace
  const development = chain.deployment.chainId === DEVELOPMENT_CHAIN
  const local = chain.clients.every((client) => LOCAL.test(client.transport.url ?? ''))
  const pollMs = options.pollMs ?? (local ? (development ? 15 : 250) : 1_000)
  const staleAfterMs = options.staleAfterMs ?? 30_000
  const shortAfterMs = options.shortAfterMs ?? (development ? 5_000 : Number.POSITIVE_INFINITY)
  const maxHeadAgeMs = options.maxHeadAgeMs ?? (development ? Number.POSITIVE_INFINITY : 120_000)
  const verifyEveryMs = options.verifyEveryMs ?? (local ? 0 : 10_000)
  const rereadEveryMs = options.rereadEveryMs ?? 60_000

  for (const projector of options.projectors) projector.migrate(db)
  const store = makeLogStore(db, chain.deployment)
  const abort = new AbortController()
  const listeners = new Set<(change: FeedChange) => void>()
  let seen: Seen | null = null
  let lastSuccess: number | null = null
  let lastError: FeedHealth['lastError'] = null
  let shortSince: number | null = null
  let disagreement: string | null = null
  /** What the last second reading found wrong, and the last piece of the endless one. */
  const doubts: Record<'verify' | 'reread', string | null> = { verify: null, reread: null }
  let storeFails = false
  let first = 0
  let verifiedAt = now() - verifyEveryMs
  let rereadAt = now()
  let rounds = 0
  let caughtUp = false
  let running: Promise<unknown> | null = null

  const report = (error: unknown) => {
    const typed =
      error instanceof DecloudError
        ? error
        : new ChainError('feed-failed', `The feed failed: ${sentenceOf(error)}`, { cause: error })
    storeFails ||= typed.code.startsWith('store-')
    lastError = { code: typed.code, sentence: typed.sentence, at: now() }
    onError(typed)
  }

  const publish = (change: FeedChange) => {
    for (const listener of [...listeners]) {
      try {
        listener(change)
      } catch (error) {
        report(error)
      }
    }
  }

  const stepper = makeStepper({
    chain,
    db,
    store,
    projectors: options.projectors,
    signal: abort.signal,
    onSeen: (now) => {
      seen = now
    },
    onChange: publish,
  })

  const verifier = makeVerifier(chain, store)
  /** What the store is filled with: another set of contracts or of tables has to be read from the first block on. */
  const contents = JSON.stringify({
    contracts: addressesOf(chain.deployment).map((address) => address.toLowerCase()),
    projectors: options.projectors.map(({ version = '' }) => version),
  })
  let resyncWanted = store.contents() !== contents
  /** Steps in a row that failed over what was read, not over its reading. */
  let puzzled = 0
  let tailDoubted = false

  /**
   * A projector that cannot go on has been told something that is not so, as far as the store goes. First what was read only
   * once is read again, then everything; then ever more seldom, for the mistake may be ours.
   */
  const doubtStore = () => {
    puzzled += 1
    const tries = puzzled / PUZZLED_TRIES
    if (tries === 1) tailDoubted = true
    else if (tries > 1 && Number.isInteger(Math.log2(tries))) resyncWanted = true
  }

  const stepOnce = async (): Promise<StepResult> => {
    if (resyncWanted) {
      stepper.forget(contents)
      resyncWanted = false
      caughtUp = false
      doubts.verify = null
      doubts.reread = null
    }
    if (tailDoubted) {
      stepper.forgetTail()
      tailDoubted = false
    }
    const acceptShort = shortSince !== null && now() - shortSince > shortAfterMs
    const result = await chain.request(
      'follow the chain',
      (client) => stepper.step(client, acceptShort).catch(throwTyped),
      first,
    )
    lastSuccess = now()
    lastError = null
    storeFails = false
    shortSince = result === 'short' ? (shortSince ?? now()) : null
    caughtUp ||= result === 'idle'
    if (result === 'idle') puzzled = 0
    return result
  }

  /** The second reading, when it is due. @returns whether there is more to do at once. */
  const readAgain = async (): Promise<boolean> => {
    const due = verifier.due()
    const round =
      due >= VERIFY_AT_ONCE || (due > 0n && now() - verifiedAt >= verifyEveryMs)
        ? 'verify'
        : due <= 0n && now() - rereadAt >= rereadEveryMs
          ? 'reread'
          : null
    if (round === null) return false
    if (round === 'verify') verifiedAt = now()
    else rereadAt = now()
    const verdict = await verifier[round]()
    if (verdict.kind !== 'none') doubts[round] = verdict.kind === 'differ' ? verdict.sentence : null
    if (verdict.kind === 'repair') report(repaired(verdict.height))
    stepper.settle(verdict, round)
    if (verdict.kind === 'same' && round === 'reread' && verifier.isRoundOver()) rounds += 1
    return verdict.kind === 'repair' || (verdict.kind === 'same' && verifier.due() >= VERIFY_AT_ONCE)
  }

  const followHead = async () => {
    let failures = 0
    let idle = 0
    while (!abort.signal.aborted) {
      try {
        const result = await untilAborted(stepOnce(), abort.signal)
        const more = result === 'idle' && (await untilAborted(readAgain().catch(throwTyped), abort.signal))
        failures = 0
        idle = result === 'moved' ? 0 : idle + 1
        if (result !== 'moved' && !more) await pace.pause(idle > 100 ? pollMs * 2 : pollMs, abort.signal)
      } catch (error) {
        if (abort.signal.aborted) return
        report(error)
        if (error instanceof DecloudError && PUZZLING.has(error.code)) doubtStore()
        const rest = error instanceof ChainError ? error.retryAfterMs : 0
        const backoff = backoffMs(failures++, pollMs, local ? 500 : 10_000, pace.random)
        await pace.pause(Math.max(rest, backoff), abort.signal)
      }
    }
  }

  const agree = async () => {
    while (!abort.signal.aborted && chain.clients.length > 1) {
      try {
        const found = await untilAborted(compareRpcs(chain, solid()), abort.signal)
        disagreement = found.disagreement
        first = found.first
      } catch (error) {
        if (abort.signal.aborted) return
        report(toStoreError(error))
      }
      await pace.pause(options.agreementEveryMs ?? 30_000, abort.signal)
    }
  }

  const brokenSentence = (): string | null => {
    const { brokenThrough } = store.finality()
    return brokenThrough === null
      ? null
      : `Blocks up to ${brokenThrough} were finalized and then replaced; waiting for finality beyond them.`
  }

  const solid = () => {
    const { finalized } = store.finality()
    return finalized === null ? null : store.blockThrough(finalized)
  }

  const readTwice = () => {
    const { finalized, verified } = store.finality()
    if (finalized === null || verified === null) return null
    return store.blockThrough(finalized < verified ? finalized : verified)
  }

  const disagreementNow = () => disagreement ?? doubts.verify ?? doubts.reread ?? brokenSentence()

  const state = (): FeedHealth['state'] => {
    if (storeFails) return 'stale'
    if (disagreementNow() !== null) return 'disagreeing'
    const silent = lastSuccess === null ? null : now() - lastSuccess
    if (silent === null || seen === null) return 'syncing'
    const headAge = now() - Number(seen.head.timestamp) * 1_000
    if (silent > staleAfterMs || shortSince !== null || headAge > maxHeadAgeMs) return 'stale'
    return caughtUp ? 'live' : 'syncing'
  }

  return {
    start: () => {
      running ??= Promise.all([followHead(), agree().catch((error) => abort.signal.aborted || report(error))])
    },
    health: () => ({
      state: state(),
      head: seen?.head ?? null,
      cursor: store.cursor(),
      finalized: store.finality().finalized,
      verified: store.finality().verified,
      rounds,
      silentMs: lastSuccess === null ? null : now() - lastSuccess,
      lastError,
      disagreement: disagreementNow(),
    }),
    finalizedThrough: () => {
      const current = state()
      return lastSuccess === null || current === 'stale' || current === 'disagreeing' ? null : readTwice()
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    synced: async ({ height, deadlineMs = 30_000 } = {}) => {
      const target = height ?? (await chain.request('read the head', (client) => client.getBlockNumber()))
      const reached = () => !resyncWanted && (store.cursor()?.height ?? -1n) >= target
      if (reached()) return
      const arrived = new AbortController()
      const check = () => reached() && arrived.abort()
      listeners.add(check)
      await pace.pause(deadlineMs, AbortSignal.any([arrived.signal, abort.signal]))
      listeners.delete(check)
      if (reached()) return
      throw abort.signal.aborted ? closed() : timedOut(target, deadlineMs)
    },
    resync: () => {
      resyncWanted = true
    },
    close: async () => {
      abort.abort()
      await running
    },
  }
}

/** SQLite's errors, and mistakes of ours, are none of the RPC's; those of viem `request` knows. */
const throwTyped = (cause: unknown): never => {
  const error = toStoreError(cause)
  if (error instanceof DecloudError || error instanceof BaseError) throw error
  throw new DecloudError('feed-failed', `The feed failed: ${sentenceOf(error)}`, { cause })
}

const repaired = (height: bigint) =>
  new ChainError('feed-repaired', `The logs of block ${height} had been read wrongly; they are read again.`, {
    hint: 'An RPC gave a wrong answer once; if it happens again, use another.',
    details: { height: Number(height) },
  })

const timedOut = (target: bigint, deadlineMs: number) =>
  new ChainError('sync-timeout', `Block ${target} was not reached within ${deadlineMs} ms.`, {
    retryable: true,
    hint: 'Check the RPC, or wait: the feed goes on.',
  })

const closed = () => new ChainError('feed-closed', 'The feed was closed.')

/** The work's result, or a rejection as soon as `signal` aborts; the work itself then ends at its own deadline. */
const untilAborted = <result>(work: Promise<result>, signal: AbortSignal): Promise<result> =>
  new Promise((resolve, reject) => {
    const stop = () => reject(closed())
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
