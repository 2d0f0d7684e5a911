// The composition root: the only place that makes adapters, and the one that takes them down, in reverse.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  connect,
  type Journal,
  type KeySource,
  loadKey,
  makeFollower,
  makeJournal,
  openDatabase,
} from '@decloud/chain'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { pino } from 'pino'
import { readMinimumStake } from './adapters/chain/stake.ts'
import { makeContractStorage } from './adapters/chain/storage.ts'
import { makeLedger } from './adapters/store/ledger.ts'
import { makeMarket } from './adapters/store/market/market.ts'
import { makeLedgerProjector } from './adapters/store/projector.ts'
import type { RouteEntry } from './api/routing.ts'
import type { KeeperConfig } from './config/config.ts'
import { makeApi } from './context/api.ts'
import { laterRound, pricingOf, upkeepOf } from './context/upkeep.ts'
import { repeat } from './lib/loop.ts'
import type { Ledger } from './ports/ledger.ts'
import type { Market } from './ports/market.ts'
import { type Audit, makeAuditor } from './services/auditor.ts'
import type { Round, UpkeepStatus } from './services/upkeep.ts'

export type Keeper = {
  /** Where the API answers. */
  url: string
  ledger: Ledger
  market: Market
  /** What the API serves. */
  routes: readonly RouteEntry[]
  /** Resolves when everything up to the present head is indexed. */
  synced(options?: { height?: bigint; deadlineMs?: number }): Promise<void>
  /** A round of chores now, besides the regular ones; `null` without a key. */
  upkeep(): Promise<Round | null>
  /** What the chores came to so far; `null` without a key. */
  upkeepStatus(): UpkeepStatus | null
  audit(scope?: 'open' | 'all'): Promise<Audit>
  /** Stops taking requests, finishes those under way, leaves intents to the journal, closes the database. */
  close(): Promise<void>
}

export type KeeperOptions = { config: KeeperConfig; key: KeySource | null }

/**
 * @throws DecloudError: those of `connect`, `loadKey` and `openDatabase`, and `port-occupied`. Nothing is left running.
 */
export const makeKeeper = async ({ config, key }: KeeperOptions): Promise<Keeper> => {
  const cleanups: (() => Promise<unknown> | unknown)[] = []
  const close = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  try {
    return { ...(await start({ config, key }, (cleanup) => cleanups.push(cleanup))), close }
  } catch (error) {
    await close()
    throw error
  }
}

type OnClose = (cleanup: () => Promise<unknown> | unknown) => void

const start = async ({ config, key }: KeeperOptions, onClose: OnClose): Promise<Omit<Keeper, 'close'>> => {
  const log = pino({ name: 'keeper', level: config.logLevel })
  const { deployment } = config
  const account = key === null ? null : await loadKey(key)
  const chain = await connect({ urls: config.rpcUrls, deployment })
  // The first can be deleted at any time and is read from the chain again. The second holds what only this keeper knows:
  // what it means to send and what it was told. Losing it costs nobody money.
  const db = openStore(config.dataDir, 'keeper.sqlite')
  onClose(() => db.close())
  const local = openStore(config.dataDir, 'local.sqlite')
  onClose(() => local.close())
  const { projector, refoldAll } = makeLedgerProjector(deployment)
  const onError = (error: unknown) => log.warn({ code: codeOf(error) }, sentenceOf(error))
  const follower = makeFollower({ chain, db, projectors: [projector], onError })
  onClose(() => follower.close())
  // After the follower: it has made the tables.
  const ledger = makeLedger(db)
  const minimumStake = await readMinimumStake(chain)
  const time = () => Number(follower.health().cursor?.timestamp ?? 0n)
  const market = makeMarket(db, { deployment, minimumStake, time })
  let journal: Journal | null = null
  if (account !== null) {
    const own = makeJournal({ chain, db: local, account, onError, ...pricingOf(config) })
    onClose(() => own.close())
    journal = own
  }

  const abort = new AbortController()
  const { signal } = abort
  const upkeep = journal && upkeepOf({ config, chain, follower, journal, ledger, log, signal })
  const api = await makeApi({
    ...{ config, chain, db, local, log },
    ...{ ledger, market, follower, journal, upkeep },
  })
  onClose(() => api.close())
  const url = await api.listen()
  follower.start()
  await journal?.recover()

  const loops: Promise<unknown>[] = []
  onClose(async () => {
    abort.abort()
    // A round waits for its transaction; the journal keeps that, so closing need not.
    await Promise.all([journal?.close(), follower.close()])
    await Promise.allSettled(loops)
  })
  const storage = makeContractStorage(chain)
  const refold = () => {
    refoldAll(db)
    api.forget()
  }
  const { audit } = makeAuditor({ follower, ledger, storage, refold, log })
  if (upkeep !== null) {
    const round = laterRound(upkeep, config, signal)
    loops.push(repeat(round, config.settleEverySeconds * 1_000, signal, onError))
  } else log.info({}, 'no key is configured: this keeper reads and serves, and does no chores')
  const auditOnceSynced = async () => {
    if (follower.health().state === 'live') await audit()
  }
  loops.push(repeat(auditOnceSynced, config.auditEverySeconds * 1_000, abort.signal, onError))
  log.info({ url, chainId: deployment.chainId, keeper: account?.address ?? null }, 'keeper is up')
  return {
    url,
    ledger,
    market,
    routes: api.app.table.entries(),
    synced: (options) => follower.synced(options),
    upkeep: async () => (upkeep === null ? null : upkeep.round()),
    upkeepStatus: () => upkeep?.status() ?? null,
    audit,
  }
}

const openStore = (folder: string, file: string): Database => {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new DecloudError('store-unusable', `The data folder ${folder} cannot be made.`, {
      hint: 'Check the path and its permissions.',
      cause,
    })
  }
  return openDatabase(join(folder, file))
}

const codeOf = (error: unknown) => (error instanceof DecloudError ? error.code : 'unknown')
