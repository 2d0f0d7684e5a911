import { DecloudError, sentenceOf } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Chain } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { backoffMs, pause } from '../wait.ts'
import { findDisagreement } from './agreement.ts'
import { makeLogStore } from './log-store.ts'
import { makeStepper, type Seen, type StepResult } from './stepper.ts'
import type { FeedChange, FeedHealth, Follower, Projector } from './types.ts'

export type FollowerOptions = {
  chain: Chain
  /** Opened by `openDatabase`; may hold other tables. The follower does not close it. */
  db: Database
  projectors: readonly Projector[]
  /** Milliseconds between looks at the head; 15 for RPCs on this machine, else 1000. Doubles while nothing happens. */
  pollMs?: number
  /** Without a successful look for so long the feed is stale; 30 s by default. */
  staleAfterMs?: number
  /** A head older than this is stale; by default 120 s, and no limit on a development chain (31337). */
  maxHeadAgeMs?: number
  /** How long a head below the cursor is taken for an RPC that lags; 5 s by default. */
  shortAfterMs?: number
  /** Time between comparisons of several RPCs; 30 s by default. */
  agreementEveryMs?: number
  /** Told about each failed step and each listener that threw; the feed goes on. */
  onError?(error: DecloudError): void
  now?(): number
}

const LOCAL = /^https?:\/\/(127\.|localhost|\[::1\])/
const DEVELOPMENT_CHAIN = 31_337

export const makeFollower = (options: FollowerOptions): Follower => {
  const { chain, db, now = Date.now, onError = () => {} } = options
  const local = chain.clients.every((client) => LOCAL.test(client.transport.url ?? ''))
  const pollMs = options.pollMs ?? (local ? 15 : 1_000)
  const staleAfterMs = options.staleAfterMs ?? 30_000
  const shortAfterMs = options.shortAfterMs ?? 5_000
  const maxHeadAgeMs =
    options.maxHeadAgeMs ??
    (chain.deployment.chainId === DEVELOPMENT_CHAIN ? Number.POSITIVE_INFINITY : 120_000)

  for (const projector of options.projectors) projector.migrate(db)
  const store = makeLogStore(db, chain.deployment)
  const abort = new AbortController()
  const listeners = new Set<(change: FeedChange) => void>()
  let seen: Seen | null = null
  let lastSuccess: number | null = null
  let lastError: FeedHealth['lastError'] = null
  let shortSince: number | null = null
  let disagreement: string | null = null
  let caughtUp = false
  let running: Promise<unknown> | null = null

  const report = (error: unknown) => {
    const typed =
      error instanceof DecloudError
        ? error
        : new ChainError('feed-failed', `The feed failed: ${sentenceOf(error)}`, { cause: error })
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

  let resyncWanted = false
  const stepOnce = async (): Promise<StepResult> => {
    if (resyncWanted) {
      stepper.forget()
      resyncWanted = false
      caughtUp = false
    }
    const acceptShort = shortSince !== null && now() - shortSince > shortAfterMs
    const result = await chain.request('follow the chain', (client) => stepper.step(client, acceptShort))
    lastSuccess = now()
    lastError = null
    shortSince = result === 'short' ? (shortSince ?? now()) : null
    caughtUp ||= result === 'idle'
    return result
  }

  const followHead = async () => {
    let failures = 0
    let idle = 0
    while (!abort.signal.aborted) {
      try {
        const result = await untilAborted(stepOnce(), abort.signal)
        failures = 0
        idle = result === 'moved' ? 0 : idle + 1
        if (result !== 'moved') await pause(idle > 100 ? pollMs * 2 : pollMs, abort.signal)
      } catch (error) {
        if (abort.signal.aborted) return
        report(error)
        await pause(backoffMs(failures++, pollMs, local ? 500 : 10_000), abort.signal)
      }
    }
  }

  const compareRpcs = async () => {
    while (!abort.signal.aborted && chain.clients.length > 1) {
      const block = solid()
      if (block !== null) disagreement = await untilAborted(findDisagreement(chain, block), abort.signal)
      await pause(options.agreementEveryMs ?? 30_000, abort.signal)
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

  const state = (): FeedHealth['state'] => {
    if (disagreement !== null || brokenSentence() !== null) return 'disagreeing'
    const silent = lastSuccess === null ? null : now() - lastSuccess
    if (silent === null || seen === null) return 'syncing'
    const headAge = now() - Number(seen.head.timestamp) * 1_000
    if (silent > staleAfterMs || shortSince !== null || headAge > maxHeadAgeMs) return 'stale'
    return caughtUp ? 'live' : 'syncing'
  }

  return {
    start: () => {
      running ??= Promise.all([
        followHead(),
        compareRpcs().catch((error) => abort.signal.aborted || report(error)),
      ])
    },
    health: () => ({
      state: state(),
      head: seen?.head ?? null,
      cursor: store.cursor(),
      finalized: store.finality().finalized,
      silentMs: lastSuccess === null ? null : now() - lastSuccess,
      lastError,
      disagreement: disagreement ?? brokenSentence(),
    }),
    finalizedThrough: () => {
      const current = state()
      return lastSuccess === null || current === 'stale' || current === 'disagreeing' ? null : solid()
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    synced: async ({ height, deadlineMs = 30_000 } = {}) => {
      const target = height ?? (await chain.request('read the head', (client) => client.getBlockNumber()))
      const reached = () => !resyncWanted && (store.cursor()?.height ?? -1n) >= target
      if (reached()) return
      await new Promise<void>((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer)
          listeners.delete(check)
          settle()
        }
        const check = () => reached() && finish(resolve)
        const timer = setTimeout(() => finish(() => reject(timedOut(target, deadlineMs))), deadlineMs)
        listeners.add(check)
      })
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

const timedOut = (target: bigint, deadlineMs: number) =>
  new ChainError('sync-timeout', `Block ${target} was not reached within ${deadlineMs} ms.`, {
    retryable: true,
    hint: 'Check the RPC, or wait: the feed goes on.',
  })

/** The work's result, or a rejection as soon as `signal` aborts; the work itself then ends at its own deadline. */
const untilAborted = <result>(work: Promise<result>, signal: AbortSignal): Promise<result> =>
  new Promise((resolve, reject) => {
    const stop = () => reject(new ChainError('feed-closed', 'The feed was closed.'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
