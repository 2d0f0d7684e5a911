// Webhooks: who registers them, when one is due, and its delivery until it has arrived or is given up.
import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { BlockRef, FeedHealth } from '@decloud/chain'
import { DecloudError, type Deployment, type LeaseView } from '@decloud/protocol'
import type { AlertBody, ApiAlert } from '@decloud/protocol/wire/alerts'
import { type Address, type Hex, isAddressEqual } from 'viem'
import type { AlertsConfig } from '../config/alerts.ts'
import { type Alert, type AlertFacts, isNews, judgeAlert, type Told } from '../domain/alerts.ts'
import type { AlertStore, Post, StoredAlert } from '../ports/alerts.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Liveness } from '../ports/liveness.ts'
import type { Log } from '../ports/log.ts'
import type { Market } from '../ports/market.ts'
import { makeDeliveries } from './deliveries.ts'

export type Alerts = {
  /** @throws DecloudError `alerts-off`, `alert-url`, `alert-forbidden`, `alerts-full`, `lease-unknown`, `node-unknown`. */
  register(account: Address, body: AlertBody): ApiAlert & { secret: string }
  of(account: Address): ApiAlert[]
  /** @throws DecloudError `alert-unknown`, also for one of another account. */
  remove(account: Address, id: string): void
  /** Judges every alert once. Does nothing while the feed is behind. */
  judge(): Promise<void>
  /** Delivers what is due, a few at a time. @returns how many arrived. */
  deliver(): Promise<number>
}

export type AlertsDeps = {
  config: AlertsConfig
  deployment: Deployment
  store: AlertStore
  ledger: Pick<Ledger, 'lease' | 'leases' | 'node'>
  market: Pick<Market, 'endOf'>
  liveness: Pick<Liveness, 'isOnline'>
  follower: { health(): FeedHealth; finalizedThrough(): BlockRef | null }
  post: Post
  /** @throws DecloudError `alert-url`. */
  checkUrl(url: string): URL
  log: Log
  signal: AbortSignal
  nowMs?: () => number
}

/** Alerts judged in one turn of the event loop. */
const A_TURN = 50
/** An alert of a lease that ended is kept so long where places are wanted: its last news may be on its way. */
const AFTER_END = 86_400
const LIVE = ['Requested', 'Assigned', 'Active'] as const
const PAGE = 200
/** Leases of one account that are looked at, the newest first. */
const MAX_LEASES = 5_000

export const makeAlerts = (deps: AlertsDeps): Alerts => {
  const { config, deployment, store, ledger, market, follower, log, nowMs = Date.now } = deps
  const now = () => Math.floor(nowMs() / 1_000)

  const mine = (lease: LeaseView, account: Address) => {
    const operator = lease.node === 0 ? undefined : ledger.node(lease.node)?.operator
    return (
      isAddressEqual(lease.tenant, account) || (operator !== undefined && isAddressEqual(operator, account))
    )
  }

  const leasesOf = (tenant: Address): LeaseView[] => {
    const found: LeaseView[] = []
    let cursor: string | null = null
    do {
      const page = ledger.leases({ tenant, limit: PAGE, ...(cursor === null ? {} : { cursor }) })
      found.push(...page.leases)
      cursor = page.next
    } while (cursor !== null && found.length < MAX_LEASES)
    return found
  }

  const check = (account: Address, body: AlertBody) => {
    if (body.kind === 'offline') {
      const node = ledger.node(body.node)
      if (node === undefined) throw new DecloudError('node-unknown', `There is no node ${body.node}.`)
      const isHost = leasesOf(account).some((lease) => lease.node === body.node && lease.status !== 'Ended')
      if (isAddressEqual(node.operator, account) || isHost) return
      throw forbidden(`the operator of node ${body.node} and tenants with a lease on it`)
    }
    if (body.leaseId === null) return
    const lease = ledger.lease(body.leaseId)
    if (lease === undefined) throw new DecloudError('lease-unknown', `There is no lease ${body.leaseId}.`)
    if (!mine(lease, account)) throw forbidden('the tenant of the lease and the operator of its node')
  }

  const isFinal = (leaseId: Hex, height: bigint): boolean => (market.endOf(leaseId) ?? height + 1n) <= height

  const leasesFor = (alert: Alert, cache: Map<Address, LeaseView[]>): readonly LeaseView[] => {
    if (alert.kind === 'offline') return []
    if (alert.leaseId !== null) return [ledger.lease(alert.leaseId)].filter((lease) => lease !== undefined)
    const leases = cache.get(alert.account) ?? leasesOf(alert.account)
    cache.set(alert.account, leases)
    return leases
  }

  const factsOf = (
    alert: Alert,
    leases: readonly LeaseView[],
    told: Told,
    at: { now: number; finalized: bigint },
  ): AlertFacts => {
    const ended = leases.filter((lease) => isNews(alert, lease) && !told.has(lease.leaseId))
    return {
      now: at.now,
      leases,
      endedForGood: new Set(
        alert.kind === 'ended'
          ? ended.map(({ leaseId }) => leaseId).filter((leaseId) => isFinal(leaseId, at.finalized))
          : [],
      ),
      isOnline: (node) => deps.liveness.isOnline(node),
    }
  }

  const judgeOne = (
    alert: Alert,
    cache: Map<Address, LeaseView[]>,
    at: { now: number; finalized: bigint },
  ) => {
    const told = store.told(alert.id)
    const { fire, rearm } = judgeAlert(alert, factsOf(alert, leasesFor(alert, cache), told, at), told)
    if (fire.length === 0 && rearm.length === 0) return
    const events = fire.map(({ subject, event }) => ({ subject, event: { ...common(alert), ...event } }))
    store.record(alert.id, { fire: events, rearm }, now())
  }

  const hasLease = (tenant: Address, node?: number): boolean =>
    LIVE.some((status) => ledger.leases({ tenant, node, status, limit: 1 }).leases.length > 0)

  /** Whether it may still have something to tell. A lease out of sight may be one that a reorg takes back for a moment. */
  const isOfUse = ({ disabled, kind, account, node, leaseId }: StoredAlert): boolean => {
    if (disabled !== null) return false
    if (kind === 'offline') {
      const found = ledger.node(node ?? 0)
      const isOwn = found?.active === true && isAddressEqual(found.operator, account)
      return isOwn || hasLease(account, node ?? 0)
    }
    if (leaseId === null) return hasLease(account)
    const lease = ledger.lease(leaseId)
    return lease?.status !== 'Ended' || lease.endedAt > now() - AFTER_END
  }

  /** Accounts cost nothing: places are not for those who have no business here while somebody else wants one. */
  const makeRoom = () => {
    if (store.count() < config.maxAlerts || follower.health().state !== 'live') return
    const useless = store.all().filter((alert) => !isOfUse(alert))
    store.drop(useless.map(({ id }) => id))
    log.info({ dropped: useless.length }, 'alerts that had nothing to tell any more made room')
  }

  const common = (alert: Alert) => ({
    ...{ kind: alert.kind, alert: alert.id },
    ...{ chainId: deployment.chainId, leaseEscrow: deployment.leaseEscrow, at: now() },
  })

  const deliver = makeDeliveries({ ...deps, now })

  return {
    register: (account, body) => {
      if (!config.enabled) throw new DecloudError('alerts-off', 'This keeper sends no alerts.')
      const { href } = deps.checkUrl(body.url)
      check(account, body)
      makeRoom()
      const alert = {
        id: randomBytes(12).toString('base64url'),
        ...{ kind: body.kind, account, url: href },
        leaseId: body.kind === 'offline' || body.leaseId === null ? null : lower(body.leaseId),
        node: body.kind === 'offline' ? body.node : null,
        thresholdSeconds: body.kind === 'runway' ? body.thresholdSeconds : null,
        ...{ createdAt: now(), disabled: null },
      }
      const secret = `dcw_${randomBytes(32).toString('base64url')}`
      store.add({ ...alert, secret }, config)
      return { ...shown(alert), secret }
    },
    of: (account) => store.of(account).map(shown),
    remove: (account, id) => {
      if (!store.remove(id, account)) throw new DecloudError('alert-unknown', `You have no alert ${id}.`)
    },
    judge: async () => {
      const { state, cursor } = follower.health()
      const finalized = follower.finalizedThrough()
      if (!config.enabled || state !== 'live' || cursor === null || finalized === null) return
      const at = { now: Number(cursor.timestamp), finalized: finalized.height }
      const cache = new Map<Address, LeaseView[]>()
      for (const [nth, alert] of store.enabled().entries()) {
        if (nth % A_TURN === A_TURN - 1) await turn()
        if (deps.signal.aborted) return
        judgeOne(alert, cache, at)
      }
    },
    deliver,
  }
}

const lower = (leaseId: Hex) => leaseId.toLowerCase() as Hex

const shown = ({ account: _, ...alert }: StoredAlert): ApiAlert => alert

const forbidden = (who: string) =>
  new DecloudError('alert-forbidden', `Only ${who} may be told of this.`, {
    hint: 'Sign in with that account.',
  })
