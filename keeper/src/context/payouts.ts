// How the payouts are put together from the configuration.
import type { Chain, Follower, Journal } from '@decloud/chain'
import { makeChoreChain } from '../adapters/chain/chores.ts'
import { makePayoutsChain } from '../adapters/chain/payouts.ts'
import type { KeeperConfig } from '../config/config.ts'
import type { Log } from '../ports/log.ts'
import type { Market } from '../ports/market.ts'
import { makePayouts, type Payouts } from '../services/payouts.ts'

/** `null` where the deployment has no payouts, or the keeper no key. */
export const payoutsOf = (deps: {
  config: KeeperConfig
  chain: Chain
  follower: Follower
  journal: Journal | null
  market: Market
  log: Log
  signal: AbortSignal
}): Payouts | null => {
  const { config, chain, journal } = deps
  const { payouts } = config.deployment
  if (journal === null || payouts === undefined) return null
  return makePayouts({
    ...deps,
    ...{ journal, payouts, chain: makePayoutsChain(chain, payouts) },
    gas: makeChoreChain(chain, journal.address),
    limits: config.payouts,
    coinUsdc: config.upkeep.gasCoinUsdc,
  })
}
