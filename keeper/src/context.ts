// The composition root: the only place that makes adapters, and the one that takes them down, in reverse.
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type Journal, type KeySource, loadKey, makeJournal } from '@decloud/chain'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import type { RouteEntry } from '@decloud/service/http'
import { makeLog, makeScrub } from '@decloud/service/log'
import { watchJournal } from '@decloud/service/metrics'
import { lockFolder } from './adapters/store/lock.ts'
import type { KeeperConfig } from './config/config.ts'
import { secretValues } from './config/secret-values.ts'
import { makeApi } from './context/api.ts'
import { auditOf } from './context/audit.ts'
import { makeChores } from './context/chores.ts'
import { type OnClose, openFeed } from './context/feed.ts'
import { makeForTenants } from './context/for-tenants.ts'
import { makeOperations, makeRounds, makeWatch } from './context/operations.ts'
import { pricingOf } from './context/upkeep.ts'
import { type Heartbeats, startHeartbeats } from './heartbeats.ts'
import { within } from './lib/deadline.ts'
import type { Ledger } from './ports/ledger.ts'
import type { Market } from './ports/market.ts'
import type { Audit } from './services/auditor.ts'
import type { Health } from './services/health.ts'
import type { PayoutRound } from './services/payouts.ts'
import type { SchedulerRound } from './services/scheduler.ts'
import type { Round, UpkeepStatus } from './services/upkeep.ts'

export type Keeper = {
  /** Where the API answers. */
  url: string
  /** Where Prometheus reads; `null` when that is switched off. */
  metricsUrl: string | null
  ledger: Ledger
  market: Market
  health: Health
  /** What the API serves. */
  routes: readonly RouteEntry[]
  /** Resolves when everything up to the present head is indexed. */
  synced(options?: { height?: bigint; deadlineMs?: number }): Promise<void>
  /** A round of chores now, besides the regular ones; `null` without a key. */
  upkeep(): Promise<Round | null>
  /** What the chores came to so far; `null` without a key. */
  upkeepStatus(): UpkeepStatus | null
  /** Places what can be placed now, besides the regular rounds; `null` where this keeper places nothing. */
  place(): Promise<SchedulerRound | null>
  /** Payouts that are due now, besides the regular rounds; `null` without a key or the contract. */
  payOut(): Promise<PayoutRound | null>
  audit(scope?: 'open' | 'all'): Promise<Audit>
  /** What it hears of nodes, and what it says of them on chain. */
  heartbeats: Heartbeats
  /**
   * Says so in `/health`, begins no more chores, stops taking requests, finishes those under way within the deadline of
   * the configuration, leaves intents to the journal, closes the databases.
   */
  close(): Promise<void>
}

export type KeeperOptions = { config: KeeperConfig; key: KeySource | null }

/**
 * @throws DecloudError: those of `connect`, `loadKey`, `lockFolder` and `openDatabase`, `store-foreign`, and
 *   `port-occupied`. Nothing is left running.
 */
export const makeKeeper = async (options: KeeperOptions): Promise<Keeper> => {
  const cleanups: (() => Promise<unknown> | unknown)[] = []
  const takeDown = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  try {
    const drain = new AbortController()
    const keeper = await start(options, drain, (cleanup) => cleanups.push(cleanup))
    const stop = async () => {
      drain.abort()
      await delay(options.config.drain.noticeSeconds * 1_000)
      await takeDown()
    }
    let stopped: Promise<void> | null = null
    const close = () => {
      stopped ??= stop()
      return stopped
    }
    return { ...keeper, close }
  } catch (error) {
    await takeDown()
    throw error
  }
}

const start = async (
  { config, key }: KeeperOptions,
  drain: AbortController,
  onClose: OnClose,
): Promise<Omit<Keeper, 'close'>> => {
  const log = makeLog({ name: 'keeper', level: config.logLevel, scrub: makeScrub(secretValues(config, key)) })
  const onError = (error: unknown) => log.warn({ code: codeOf(error) }, sentenceOf(error))
  const { deployment } = config
  const watch = makeWatch(log)
  const { metrics } = watch
  const account = key === null ? null : await loadKey(key)
  const address = account?.address ?? null
  const lock = lockFolder(config.dataDir)
  onClose(() => lock.release())
  const chain = await connect({ urls: config.rpcUrls, deployment, onCall: watch.onCall })
  const feed = await openFeed(config, chain, onError, onClose)
  const { db, local, follower, ledger, market } = feed
  let journal: Journal | null = null
  if (account !== null) {
    const own = watchJournal(
      metrics,
      makeJournal({ chain, db: local, account, onError, ...pricingOf(config) }),
    )
    onClose(() => own.close())
    journal = own
  }
  const rounds = makeRounds(watch, config, onError)
  drain.signal.addEventListener('abort', rounds.stop)
  const deadlineMs = config.drain.deadlineSeconds * 1_000
  const endRounds = () => {
    rounds.stop()
    return within(deadlineMs, rounds.ended())
  }
  onClose(endRounds)
  const operations = makeOperations({
    ...{ config, watch, rounds, chain, follower, journal, account: address, local },
    ...{ stores: { cache: db, local }, draining: drain.signal, log },
  })
  onClose(operations.close)
  const { health } = operations

  const heartbeats = await startHeartbeats({
    ...{ config, chain, db, local, follower, ledger, journal, rounds, metrics, log },
  })
  onClose(() => heartbeats.close())
  const { liveness } = heartbeats
  const chores = makeChores({ config, chain, feed, journal, liveness, rounds, log, onError })
  const { upkeep, payouts, placement } = chores
  const forTenants = makeForTenants({
    ...{ config, chain, local, ledger, market, follower, journal, rounds, liveness, log },
  })
  const api = await makeApi({
    ...{ config, chain, db, local, log, deadlineMs, liveness, metrics, draining: drain.signal },
    ...{ ledger, market, follower, journal, upkeep, heartbeats, placement, health, ...forTenants },
  })
  onClose(() => api.close())
  const url = await api.listen()
  lock.announce(url)
  const figures = await operations.listen(Number(new URL(url).port))
  if (figures !== null) onClose(figures.close)
  follower.start()
  await journal?.recover()

  // A round waits for its transaction; the journal keeps that, so closing need not.
  onClose(() => Promise.all([journal?.close(), follower.close(), placement.close(), endRounds()]))
  chores.start()
  const audit = auditOf({ chain, feed, operations, onRefold: api.forget, log })
  rounds.every('audit', config.auditEverySeconds * 1_000, async () => {
    if (follower.health().state === 'live') await audit()
  })
  const metricsUrl = figures?.url ?? null
  log.info({ url, metricsUrl, chainId: deployment.chainId, keeper: address }, 'keeper is up')
  return {
    ...{ url, metricsUrl, ledger, market, health, audit, heartbeats },
    routes: api.app.table.entries(),
    synced: (options) => follower.synced(options),
    upkeep: async () => (upkeep === null ? null : upkeep.round()),
    upkeepStatus: () => upkeep?.status() ?? null,
    place: () => placement.round(),
    payOut: async () => (payouts === null ? null : payouts.round()),
  }
}

const codeOf = (error: unknown) => (error instanceof DecloudError ? error.code : 'unknown')
