// The part of the composition root that lets a node live without any keeper.
import type { Chain, Follower, Journal } from '@decloud/chain'
import { makeEventReader } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import { makeDutyChain } from './chain/duty-chain.ts'
import { makeRequestFeed } from './chain/request-feed.ts'
import type { AgentConfig } from './config/config.ts'
import type { MachineRoom } from './domain/duties.ts'
import type { DutySettings } from './duties/deps.ts'
import { type Duties, startDuties } from './duties/duties.ts'
import { makeDutyStatus } from './duties/status.ts'
import type { Disposer } from './lib/disposer.ts'
import type { Deps } from './reconcile/ports.ts'
import { makeCreditBook } from './state/credit-book.ts'
import { makeDutyTimes } from './state/duty-times.ts'
import { makeReclaimAsks } from './state/reclaim-asks.ts'

const BYTES_PER_GIB = 2 ** 30

export type DutiesOptions = {
  config: AgentConfig
  chain: Chain
  follower: Follower
  journal: Journal
  db: Database
  deps: Pick<Deps, 'chain' | 'hypervisor' | 'machine' | 'outages' | 'log' | 'nowMs'>
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
      room: () => roomOf(deps),
      status: makeDutyStatus(),
      log: deps.log,
      nowMs: deps.nowMs,
    },
    { everyMs: options.everyMs },
  )
  disposer.add(() => duties.close())
  return duties
}

/** Simulated guests take no room. */
const roomOf = async ({ hypervisor, machine }: DutiesOptions['deps']): Promise<MachineRoom> => {
  if (hypervisor.capabilities.acceleration === 'simulated') return null
  const [memoryMiB, bytes] = await Promise.all([machine.availableMemoryMiB(), machine.availableDiskBytes()])
  return { memoryMiB, diskGiB: bytes / BYTES_PER_GIB }
}
