// What a keeper does for tenants on request, put together: part of the composition root.
import type { Chain, Follower, Journal } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import { zeroAddress } from 'viem'
import { checkHookUrl, makePost } from '../adapters/alerts/post.ts'
import { makeAlertStore } from '../adapters/alerts/store.ts'
import { makeDigestCheck } from '../adapters/chain/digests.ts'
import { makeSponsorChain } from '../adapters/chain/sponsor.ts'
import { makeMailboxStore } from '../adapters/mailbox/store.ts'
import { makeSponsorBook } from '../adapters/sponsor/book.ts'
import type { KeeperConfig } from '../config/config.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Liveness } from '../ports/liveness.ts'
import type { Log } from '../ports/log.ts'
import type { Market } from '../ports/market.ts'
import { type Alerts, makeAlerts } from '../services/alerts.ts'
import { type Mailbox, makeMailbox } from '../services/mailbox.ts'
import { makeSponsor, type Sponsor } from '../services/sponsor.ts'
import type { Rounds } from './operations.ts'

/** How often what was sponsored is looked at again until it is final. */
const SPONSOR_ROUND_MS = 15_000
const MAILBOX_TIDY_MS = 60_000
const DELIVER_EVERY_MS = 2_000

export type ForTenants = { sponsor: Sponsor; mailbox: Mailbox; alerts: Alerts }

/** Makes them and begins their rounds. @param local the database of what only this keeper knows. */
export const makeForTenants = (deps: {
  config: KeeperConfig
  chain: Chain
  local: Database
  ledger: Ledger
  market: Market
  follower: Follower
  liveness: Pick<Liveness, 'isOnline'>
  rounds: Rounds
  journal: Journal | null
  log: Log
}): ForTenants => {
  const { config, chain, local, ledger, journal, rounds, log } = deps
  const { deployment } = config
  const sponsor = makeSponsor({
    config: config.sponsor,
    coinPrice: config.upkeep.gasCoinUsdc,
    deployment,
    chain: makeSponsorChain(chain, journal?.address ?? zeroAddress),
    book: makeSponsorBook(local),
    journal,
    log,
  })
  const mailbox = makeMailbox({
    config: config.mailbox,
    deployment,
    ledger,
    store: makeMailboxStore(local),
    signed: makeDigestCheck(chain),
  })
  const alerts = makeAlerts({
    ...deps,
    config: config.alerts,
    deployment,
    store: makeAlertStore(local),
    post: makePost(config.alerts),
    checkUrl: (url) => checkHookUrl(url, config.alerts),
    signal: rounds.signal,
  })
  const alertsMs = config.alerts.everySeconds * 1_000
  if (journal !== null) rounds.every('sponsor', SPONSOR_ROUND_MS, sponsor.round)
  rounds.every('mailbox', MAILBOX_TIDY_MS, mailbox.tidy)
  rounds.every('alerts', alertsMs, alerts.judge)
  rounds.every('deliveries', Math.min(DELIVER_EVERY_MS, alertsMs), alerts.deliver)
  return { sponsor, mailbox, alerts }
}
