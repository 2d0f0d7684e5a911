// What a keeper does for tenants on request, put together: part of the composition root.
import type { Chain, Journal } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import { zeroAddress } from 'viem'
import { makeDigestCheck } from './adapters/chain/digests.ts'
import { makeSponsorChain } from './adapters/chain/sponsor.ts'
import { makeMailboxStore } from './adapters/mailbox/store.ts'
import { makeSponsorBook } from './adapters/sponsor/book.ts'
import type { KeeperConfig } from './config/config.ts'
import type { Rounds } from './context/operations.ts'
import type { Ledger } from './ports/ledger.ts'
import type { Log } from './ports/log.ts'
import { type Mailbox, makeMailbox } from './services/mailbox.ts'
import { makeSponsor, type Sponsor } from './services/sponsor.ts'

/** How often what was sponsored is looked at again until it is final. */
const SPONSOR_ROUND_MS = 15_000
const MAILBOX_TIDY_MS = 60_000

export type ForTenants = {
  sponsor: Sponsor
  mailbox: Mailbox
  /** Begins the chores behind them. */
  start(rounds: Pick<Rounds, 'every'>): void
}

/** @param local the database of what only this keeper knows. */
export const makeForTenants = (deps: {
  config: KeeperConfig
  chain: Chain
  local: Database
  ledger: Ledger
  journal: Journal | null
  log: Log
}): ForTenants => {
  const { config, chain, local, ledger, journal, log } = deps
  const { deployment } = config
  const sponsor = makeSponsor({
    config: config.sponsor,
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
  return {
    sponsor,
    mailbox,
    start: (rounds) => {
      if (journal !== null) rounds.every('sponsor', SPONSOR_ROUND_MS, sponsor.round)
      rounds.every('mailbox', MAILBOX_TIDY_MS, mailbox.tidy)
    },
  }
}
