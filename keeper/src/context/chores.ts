// What a keeper does on chain with its key: settling and what goes with it, payouts, placements.
import type { Chain, Journal } from '@decloud/chain'
import { makeRoles } from '../adapters/chain/roles.ts'
import { makePlacements } from '../adapters/store/placements.ts'
import type { KeeperConfig } from '../config/config.ts'
import type { Liveness } from '../ports/liveness.ts'
import type { Log } from '../ports/log.ts'
import { makePlacement } from '../services/placement/index.ts'
import type { Feed } from './feed.ts'
import type { Rounds } from './operations.ts'
import { payoutsOf } from './payouts.ts'
import { laterRound, upkeepOf } from './upkeep.ts'

export type ChoresDeps = {
  config: KeeperConfig
  chain: Chain
  feed: Feed
  /** Absent without a key: then placements are explained, and nothing is done. */
  journal: Journal | null
  liveness: Liveness
  rounds: Rounds
  log: Log
  onError(error: unknown): void
}

export const makeChores = ({ config, chain, feed, journal, liveness, rounds, log, onError }: ChoresDeps) => {
  const { follower, ledger, market, local } = feed
  const { signal } = rounds
  const upkeep = journal && upkeepOf({ config, chain, follower, journal, ledger, log, signal })
  const payouts = payoutsOf({ config, chain, follower, journal, market, log, signal })
  const placement = makePlacement({
    ...{ follower, journal, ledger, log, onError, config: config.scheduler },
    ...{ escrow: config.deployment.leaseEscrow, roles: makeRoles(chain), placements: makePlacements(local) },
    ...{ liveness, tagsOf: (node) => ledger.node(node)?.tags ?? [] },
  })
  return {
    upkeep,
    payouts,
    placement,
    /** Begins the regular rounds. */
    start: () => {
      if (upkeep === null)
        log.info({}, 'no key is configured: this keeper reads and serves, and does no chores')
      else rounds.every('upkeep', config.settleEverySeconds * 1_000, laterRound(upkeep, config, signal))
      if (payouts !== null) rounds.every('payouts', config.payouts.everySeconds * 1_000, payouts.round)
      placement.start()
    },
  }
}
