// The part of the composition root that lets a node live without any keeper.
import type { Chain, Follower, Journal } from '@decloud/chain'
import { makeEventReader } from '@decloud/chain'
import type { LeaseView } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { makeDutyChain } from './chain/duty-chain.ts'
import { makeRequestFeed } from './chain/request-feed.ts'
import type { AgentConfig } from './config/config.ts'
import { shortage } from './domain/capacity.ts'
import type { DutySettings } from './duties/deps.ts'
import { type Duties, startDuties } from './duties/duties.ts'
import { makeDutyStatus } from './duties/status.ts'
import type { Disposer } from './lib/disposer.ts'
import { AgentError } from './lib/errors.ts'
import { freeNowhere } from './reconcile/nowhere.ts'
import type { Deps } from './reconcile/ports.ts'
import { amountsOf, checkSpare, roomOf } from './reconcile/resources.ts'
import { makeCreditBook } from './state/credit-book.ts'
import { makeDutyTimes } from './state/duty-times.ts'
import { makeReclaimAsks } from './state/reclaim-asks.ts'

export type DutiesOptions = {
  config: AgentConfig
  chain: Chain
  follower: Follower
  journal: Journal
  db: Database
  deps: Pick<Deps, 'chain' | 'hypervisor' | 'machine' | 'resources' | 'store' | 'outages' | 'log' | 'nowMs'>
  disposer: Disposer
  everyMs?: number | undefined
}

const settingsOf = (config: AgentConfig): DutySettings => ({
  claims: config.claims ?? true,
  settleEverySeconds: config.settleEverySeconds ?? 3_600,
  minSettle: config.minSettleUsdc ?? 50_000n,
  gasCapBps: 500n,
  coinUsdc: config.gasCoinUsdc ?? 1_000_000n,
})

/** Starts them, and stops with `disposer`. */
export const beginDuties = (options: DutiesOptions): Duties => {
  const { config, chain, follower, journal, db, deps, disposer } = options
  const requests = makeRequestFeed({
    ...{ db, read: makeEventReader(config.deployment), deployment: config.deployment },
  })
  const dutyChain = makeDutyChain({
    ...{ chain, follower, journal, requests, node: config.node },
    snapshot: () => deps.chain.snapshot(),
  })
  disposer.add(() => dutyChain.close())
  const duties = startDuties(
    {
      chain: dutyChain,
      settings: settingsOf(config),
      outages: deps.outages,
      credits: makeCreditBook(db),
      asks: makeReclaimAsks(config.dataDir),
      times: makeDutyTimes(db),
      shortOf: (lease) => shortOf(deps, lease),
      status: makeDutyStatus(),
      log: deps.log,
      nowMs: deps.nowMs,
    },
    { everyMs: options.everyMs },
  )
  disposer.add(() => duties.close())
  return duties
}

/** Beside what holds a reservation, and what was assigned to this node a moment ago and holds none yet. */
const shortOf = async (deps: DutiesOptions['deps'], lease: LeaseView): Promise<string | null> => {
  const { resources, chain } = deps
  const offer = await resources.offer()
  await freeNowhere(deps)
  const held = resources.ledger.all()
  const known = new Set(held.map(({ leaseId }) => leaseId))
  try {
    const coming = [...chain.snapshot().leases.values()].flatMap(({ latest }) =>
      latest === undefined ||
      latest.node !== chain.node ||
      latest.status === 'Ended' ||
      known.has(latest.leaseId)
        ? []
        : [{ leaseId: latest.leaseId, ...amountsOf(offer, latest), gpuAddresses: [] }],
    )
    const short = shortage(await roomOf(deps, offer), [...held, ...coming], amountsOf(offer, lease))
    if (short !== null) return short
    await checkSpare(deps, lease.terms, true)
    return null
  } catch (error) {
    // What keeps a guest from being set up keeps its lease from being claimed.
    if (error instanceof AgentError) return error.sentence
    throw error
  }
}
