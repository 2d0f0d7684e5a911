// Webhooks on their way: signed, a few at a time, each account in its turn, again and again until they arrive or are
// given up.
import { createHmac } from 'node:crypto'
import { ALERT_HEADERS } from '@decloud/protocol/wire/alerts'
import type { Address } from 'viem'
import type { AlertsConfig } from '../config/alerts.ts'
import { fairShare, retryAfter } from '../domain/alerts.ts'
import type { AlertStore, Delivery, Post } from '../ports/alerts.ts'
import type { Log } from '../ports/log.ts'

type DeliveriesDeps = {
  config: Pick<AlertsConfig, 'maxAttempts' | 'firstRetrySeconds'>
  store: Pick<AlertStore, 'due' | 'delivery' | 'delivered' | 'failed' | 'disable'>
  post: Post
  log: Log
  signal: AbortSignal
  /** Unix seconds. */
  now(): number
}

const AT_ONCE = 8

/** @returns a round of deliveries; it resolves to how many arrived. */
export const makeDeliveries = (deps: DeliveriesDeps): (() => Promise<number>) => {
  const { config, store, post, log, signal, now } = deps
  /** Number of the last turn that each account had which waits. */
  let served = new Map<Address, number>()
  let turns = 0
  const nextDeliveries = (): Delivery[] => {
    const due = store.due(now(), AT_ONCE)
    const waiting = new Set(due.map(({ account }) => account))
    served = new Map([...served].filter(([account]) => waiting.has(account)))
    const share = fairShare(due, served, AT_ONCE)
    for (const { account } of share) served.set(account, ++turns)
    return share.map(({ event }) => store.delivery(event)).filter((delivery) => delivery !== undefined)
  }

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
    const { outcome, why } = await post(url, headers, body, signal)
    if (signal.aborted) return false
    const attempts = delivery.attempts + 1
    if (outcome === 'delivered') store.delivered(event, now())
    else if (outcome === 'gone') store.disable(alert, why)
    else if (attempts >= config.maxAttempts)
      store.disable(alert, `${attempts} attempts failed; the last: ${why}`)
    else store.failed(event, now() + Math.ceil(retryAfter(attempts, config.firstRetrySeconds)), why)
    if (outcome !== 'delivered') log.info({ alert, event, attempts, why }, 'a webhook was not delivered')
    return outcome === 'delivered'
  }

  return async () => {
    const results = await Promise.all(nextDeliveries().map(attempt))
    return results.filter(Boolean).length
  }
}
