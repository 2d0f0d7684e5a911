// How the chores are put together from the configuration.
import type { Chain, Follower, Journal, JournalOptions } from '@decloud/chain'
import { makeChoreChain } from '../adapters/chain/chores.ts'
import type { KeeperConfig } from '../config/config.ts'
import { pause } from '../lib/loop.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import { makeUpkeep, type Round, type Upkeep } from '../services/upkeep.ts'

/** How this keeper's transactions are priced. */
export const pricingOf = ({
  upkeep,
}: KeeperConfig): Pick<JournalOptions, 'maxFeePerGas' | 'replaceAfterMs'> => ({
  maxFeePerGas: upkeep.maxFeeGwei,
  replaceAfterMs: upkeep.replaceAfterSeconds * 1_000,
})

export const upkeepOf = (deps: {
  config: KeeperConfig
  chain: Chain
  follower: Follower
  journal: Journal
  ledger: Ledger
  log: Log
  signal: AbortSignal
}): Upkeep => {
  const { config, chain, journal } = deps
  const { upkeep } = config
  return makeUpkeep({
    ...deps,
    chain: makeChoreChain(chain, journal.address),
    targets: config.deployment,
    settings: {
      minSettle: config.minSettleUsdc,
      batchSize: config.batchSize,
      gasCapBps: upkeep.gasCapBps,
      choreGas: upkeep.choreGasUsdc,
      coinUsdc: upkeep.gasCoinUsdc,
      roundGas: upkeep.roundGasUsdc,
      roundChores: upkeep.roundChores,
    },
    now: Date.now,
  })
}

/** A round after a random wait: keepers whose clocks agree do not all begin at once. */
export const laterRound =
  (upkeep: Upkeep, { upkeep: { jitterSeconds } }: KeeperConfig, signal: AbortSignal) =>
  async (): Promise<Round | null> => {
    await pause(Math.random() * jitterSeconds * 1_000, signal)
    return signal.aborted ? null : upkeep.round()
  }
