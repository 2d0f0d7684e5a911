// How the process is looked after: what it measures, what it says of itself, and how its rounds are run and ended.
import type { Chain, Follower, Journal } from '@decloud/chain'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { makeMetrics, watchFeed, watchRpc } from '@decloud/service/metrics'
import type { Database } from 'better-sqlite3'
import { type Address, parseEther } from 'viem'
import { listenForMetrics } from '../adapters/metrics/listener.ts'
import { watchProcess } from '../adapters/metrics/parts.ts'
import { makeAuditBook } from '../adapters/store/audits.ts'
import { makeVitals } from '../adapters/vitals.ts'
import type { KeeperConfig } from '../config/config.ts'
import { repeat } from '../lib/loop.ts'
import { makeWatchdog } from '../lib/watchdog.ts'
import type { Log } from '../ports/log.ts'
import { makeHealth } from '../services/health.ts'
import { VERSION } from '../version.ts'

/** Of every metric's name. */
export const METRICS_PREFIX = 'decloud_keeper_'
const LOOK_EVERY_MS = 10_000

/** What the other parts are made with. */
export const makeWatch = (log: Log) => {
  const registry = makeMetrics(METRICS_PREFIX, (name, error) => log.warn({ metric: name }, sentenceOf(error)))
  return { registry, metrics: registry.metrics, onCall: watchRpc(registry.metrics), watchdog: makeWatchdog() }
}
export type Watch = ReturnType<typeof makeWatch>

/** The rounds of all parts: each under the watchdog, none after `stop`. */
export const makeRounds = ({ watchdog }: Watch, config: KeeperConfig, onError: (error: unknown) => void) => {
  const abort = new AbortController()
  const loops: Promise<unknown>[] = []
  const deadlineMs = config.health.loopDeadlineSeconds * 1_000
  return {
    signal: abort.signal,
    /** Runs `round`, waits, again, until the keeper stops. */
    every: (name: string, everyMs: number, round: () => Promise<unknown>) => {
      const watched = () => watchdog.watch(name, deadlineMs, round)
      loops.push(repeat(watched, everyMs, abort.signal, onError))
    },
    stop: () => abort.abort(),
    /** Resolves when every round has ended. */
    ended: async () => void (await Promise.allSettled(loops)),
  }
}
export type Rounds = ReturnType<typeof makeRounds>

export type OperationsDeps = {
  config: KeeperConfig
  watch: Watch
  rounds: Rounds
  chain: Chain
  follower: Follower
  journal: Journal | null
  account: Address | null
  local: Database
  /** Bytes of each database. */
  stores: Readonly<Record<string, Database>>
  draining: AbortSignal
  log: Log
}

export const makeOperations = (deps: OperationsDeps) => {
  const { config, watch, rounds, chain, follower, journal, account, local, draining, log } = deps
  const onError = (error: unknown) =>
    log.warn({ code: error instanceof DecloudError ? error.code : 'unknown' }, sentenceOf(error))
  const vitals = makeVitals({ chain, account, dataDir: config.dataDir, local, now: Date.now, onError })
  const audits = makeAuditBook(local)
  const health = makeHealth({
    version: VERSION,
    deployment: chain.deployment,
    follower,
    journal,
    vitals,
    watchdog: watch.watchdog,
    lastAudit: audits.last,
    draining,
    limits: {
      minGasWei: parseEther(String(config.health.minGasCoins)),
      minDiskBytes: BigInt(config.health.minFreeDiskMib) * 1_048_576n,
    },
    uptimeSeconds: () => process.uptime(),
  })
  const stores = Object.fromEntries(
    Object.entries(deps.stores).map(([name, db]) => [name, () => bytesOf(db)]),
  )
  const unwatch = watchFeed(watch.metrics, follower)
  watchProcess(watch.registry, { vitals, watchdog: watch.watchdog, stores })
  rounds.every('vitals', LOOK_EVERY_MS, vitals.look)
  return {
    health,
    audits,
    /** Serves the figures, where the configuration says. @returns `null` when it says nowhere. */
    listen: (apiPort: number) => {
      const { enabled, host, port, token } = config.metrics
      if (!enabled) return null
      return listenForMetrics(watch.registry, {
        host,
        port: port ?? (config.port === 0 ? 0 : apiPort + 1),
        token,
      })
    },
    close: () => {
      unwatch()
      vitals.close()
    },
  }
}

export type Operations = ReturnType<typeof makeOperations>

const bytesOf = (db: Database): number =>
  Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }))
