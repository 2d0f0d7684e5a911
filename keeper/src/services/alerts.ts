// Webhooks: who registers them, when one is due, and its delivery until it has arrived or is given up.
import { createHmac, randomBytes } from 'node:crypto'
import type { BlockRef, FeedHealth } from '@decloud/chain'
import { DecloudError, type Deployment, type LeaseView } from '@decloud/protocol'
import { ALERT_HEADERS, type AlertBody, type ApiAlert } from '@decloud/protocol/wire/alerts'
import { type Address, type Hex, isAddressEqual } from 'viem'
import type { AlertsConfig } from '../config/alerts.ts'
import { type Alert, type AlertFacts, isNews, judgeAlert, retryAfter } from '../domain/alerts.ts'
import type { AlertStore, Delivery, Post, StoredAlert } from '../ports/alerts.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Liveness } from '../ports/liveness.ts'
import type { Log } from '../ports/log.ts'
import type { Market } from '../ports/market.ts'

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
  market: Pick<Market, 'leaseEvents'>
  liveness: Pick<Liveness, 'isOnline'>
  follower: { health(): FeedHealth; finalizedThrough(): BlockRef | null }
  post: Post
  /** @throws DecloudError `alert-url`. */
  checkUrl(url: string): URL
  log: Log
  signal: AbortSignal
  nowMs?: () => number
}

const AT_ONCE = 8
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

  const isFinal = (leaseId: Hex, height: bigint): boolean =>
    market.leaseEvents(leaseId).some(({ name, block }) => name === 'LeaseEnded' && block <= height)

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
    at: { now: number; finalized: bigint },
  ): AlertFacts => {
    const told = store.told(alert.id)
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

  const common = (alert: Alert) => ({
    ...{ kind: alert.kind, alert: alert.id },
    ...{ chainId: deployment.chainId, leaseEscrow: deployment.leaseEscrow, at: now() },
  })

  const attempt = async (delivery: Delivery): Promise<boolean> => {
    const { event, alert, url, secret, body } = delivery
    const timestamp = String(now())
    const mac = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
    const headers = {
      [ALERT_HEADERS.event]: event,
      [ALERT_HEADERS.timestamp]: timestamp,
      [ALERT_HEADERS.signature]: `v1=${mac}`,
      'user-agent': 'decloud-keeper',
    }
    const { outcome, why } = await deps.post(url, headers, body, deps.signal)
    if (deps.signal.aborted) return false
    const attempts = delivery.attempts + 1
    if (outcome === 'delivered') store.delivered(event, now())
    else if (outcome === 'gone') store.disable(alert, why)
    else if (attempts >= config.maxAttempts)
      store.disable(alert, `${attempts} attempts failed; the last: ${why}`)
    else store.failed(event, now() + Math.ceil(retryAfter(attempts, config.firstRetrySeconds)), why)
    if (outcome !== 'delivered') log.info({ alert, event, attempts, why }, 'a webhook was not delivered')
    return outcome === 'delivered'
  }

  return {
    register: (account, body) => {
      if (!config.enabled) throw new DecloudError('alerts-off', 'This keeper sends no alerts.')
      const { href } = deps.checkUrl(body.url)
      check(account, body)
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
      for (const alert of store.enabled()) {
        if (deps.signal.aborted) return
        const facts = factsOf(alert, leasesFor(alert, cache), at)
        const { fire, rearm } = judgeAlert(alert, facts, store.told(alert.id))
        if (fire.length === 0 && rearm.length === 0) continue
        const events = fire.map(({ subject, event }) => ({ subject, event: { ...common(alert), ...event } }))
        store.record(alert.id, { fire: events, rearm }, now())
      }
    },
    deliver: async () => {
      const results = await Promise.all(store.due(now(), AT_ONCE).map(attempt))
      return results.filter(Boolean).length
    },
  }
}

const lower = (leaseId: Hex) => leaseId.toLowerCase() as Hex

const shown = ({ account: _, ...alert }: StoredAlert): ApiAlert => alert

const forbidden = (who: string) =>
  new DecloudError('alert-forbidden', `Only ${who} may be told of this.`, {
    hint: 'Sign in with that account.',
  })
