// Does the chores that the ledger shows. Level-triggered: each round starts from the ledger alone, so a crash at any
// point, or another keeper at the same work, costs at most a transaction that changes nothing.
import type { Follower, Journal, Mined } from '@decloud/chain'
import { DecloudError, formatUsdc, sentenceOf } from '@decloud/protocol'
import type { GasPrice } from '@decloud/protocol/gas'
import { type Chore, type ChoreKind, choresAt, inOwnOrder, type UpkeepLimits } from '@decloud/protocol/upkeep'
import { keccak256 } from 'viem'
import type { ChoreChain } from '../ports/chores.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import { type ChoreCaps, type ChoreTargets, type Left, leasesIn, makePreparer, type Ready } from './chores.ts'
import { type Held, makeUpkeepStatus, type Round, type UpkeepStatus } from './upkeep-status.ts'

type UpkeepSettings = UpkeepLimits &
  ChoreCaps & {
    /** µUSDC that one gas coin is taken to be worth. */
    coinUsdc: bigint
    /** µUSDC of gas at most in one round. */
    roundGas: bigint
    /** Transactions at most in one round. */
    roundChores: number
  }

export type UpkeepDeps = {
  follower: Pick<Follower, 'health' | 'synced'>
  journal: Pick<Journal, 'address' | 'send' | 'inFlight'>
  ledger: Pick<Ledger, 'openLeases' | 'balanceOf'>
  chain: ChoreChain
  targets: ChoreTargets
  settings: UpkeepSettings
  log: Log
  signal: AbortSignal
  now(): number
}

export type Upkeep = { round(): Promise<Round>; status(): UpkeepStatus }

const KINDS: ReadonlySet<string> = new Set<ChoreKind>(['settle', 'renew', 'expire', 'end', 'release'])
// Wei for less gas than this are as good as none; for less than that they will be gone soon.
const STOP_GAS = 300_000n
const LOW_GAS = 20_000_000n
const MINED_WITHIN_MS = 120_000
const SAID: Readonly<Record<ChoreKind, string>> = {
  settle: 'settled',
  renew: 'renewed within the bounds of its tenant',
  expire: 'expired: never active in time, all of it goes back',
  end: 'ended: depleted for 72 hours, its place on the node is free',
  release: 'released the template fee: its refund window is over',
}

export const makeUpkeep = (deps: UpkeepDeps): Upkeep => {
  const { follower, journal, ledger, chain, settings, log, signal } = deps
  const prepare = makePreparer(chain, deps.targets, settings)
  const status = makeUpkeepStatus(deps.now)
  let poor = false

  /** Warns while the gas coin runs low; @returns whether there is enough to begin at all. */
  const hasFunds = (funds: bigint, weiPerGas: bigint): boolean => {
    const wasPoor = poor
    poor = funds < LOW_GAS * weiPerGas
    const fields = { keeper: journal.address, funds: String(funds), weiPerGas: String(weiPerGas) }
    if (funds < STOP_GAS * weiPerGas) {
      log.warn(fields, 'the keeper has no gas coin left: no chores until it is sent some')
      return false
    }
    if (poor && !wasPoor) log.warn(fields, 'the gas coin of the keeper is running out: send it some')
    return true
  }

  const send = async (ready: Ready): Promise<Mined> => {
    const { chore, call, leastGas, cost } = ready
    const dedupe = `${chore.kind} ${keccak256(call.data)}`
    const mined = await journal.send({ ...call, dedupe, gas: leastGas }, { deadlineMs: MINED_WITHIN_MS })
    status.done(ready, mined)
    const { hash, blockNumber, gasUsed } = mined
    const lease = 'leaseId' in chore ? { lease: chore.leaseId } : {}
    const fields = { kind: chore.kind, ...lease, leases: leasesIn(chore), hash, gasUsed: String(gasUsed) }
    const money = { movedUsdc: formatUsdc(chore.moves), gasUsdc: formatUsdc(cost) }
    log.info({ ...fields, blockNumber: String(blockNumber), ...money }, SAID[chore.kind])
    return mined
  }

  const skip = (round: Round, left: Left) => {
    round.left.push(left)
    log.info({ kind: left.kind, leases: left.leases, reason: left.reason }, left.sentence)
  }

  /** @returns whether the next chore may succeed where this one failed. */
  const failed = (error: unknown, { kind }: Chore, round: Round): boolean => {
    if (signal.aborted) return false
    const code = error instanceof DecloudError ? error.code : 'unknown'
    // Somebody else was first, between the look and the sending.
    if (code === 'simulation-reverted') {
      skip(round, { kind, leases: 1, reason: 'refused', sentence: sentenceOf(error) })
      return true
    }
    round.failed += 1
    status.failed(kind)
    log.warn({ kind, code }, sentenceOf(error))
    // Without gas or without an RPC every further chore would fail the same way.
    return code === 'tx-reverted' || code === 'tx-cancelled'
  }

  const work = async (chores: readonly Chore[], price: GasPrice, round: Round): Promise<void> => {
    const budget = { gas: settings.roundGas, chores: settings.roundChores }
    const attempt = async (chore: Chore) => {
      for (const item of await prepare(chore, price)) {
        if (signal.aborted) return
        if ('reason' in item) {
          skip(round, item)
          continue
        }
        if (budget.chores <= 0 || item.cost > budget.gas) {
          const sentence = 'The budget of this round is used up: it is done in a later one.'
          skip(round, { kind: chore.kind, leases: leasesIn(item.chore), reason: 'round-budget', sentence })
          continue
        }
        budget.chores -= 1
        budget.gas -= item.cost
        const { blockNumber } = await send(item)
        round.done += 1
        await follower.synced({ height: blockNumber })
      }
    }
    for (const chore of chores) {
      if (signal.aborted || budget.chores <= 0) return
      try {
        await attempt(chore)
      } catch (error) {
        if (!failed(error, chore, round)) return
      }
    }
  }

  const held = (why: Held): Round => ({ done: 0, failed: 0, skipped: true, held: why, left: [] })

  /**
   * One round. It does not begin while the feed is not live or a chore of an earlier round is on its way: the ledger does
   * not show its effect yet.
   */
  const begin = async (): Promise<[Round, Parameters<typeof status.round>[1]]> => {
    const { state, cursor } = follower.health()
    if (state !== 'live' || cursor === null) return [held('feed'), {}]
    const isUnderway = journal.inFlight().some(({ state, kind }) => state === 'pending' && KINDS.has(kind))
    if (isUnderway) return [held('in-flight'), {}]
    const [weiPerGas, funds] = await Promise.all([chain.weiPerGas(), chain.funds()])
    if (!hasFunds(funds, weiPerGas)) return [held('gas-funds'), { funds }]
    const price = { weiPerGas, coinUsdc: settings.coinUsdc }
    const facts = { leases: ledger.openLeases(), balanceOf: ledger.balanceOf }
    const { chores, waiting } = choresAt(facts, Number(cursor.timestamp), settings, price)
    const round: Round = { done: 0, failed: 0, skipped: false, held: null, left: [] }
    await work(inOwnOrder(chores, journal.address), price, round)
    return [round, { funds, waiting }]
  }

  return {
    round: async () => {
      const [round, seen] = await begin()
      status.round(round, seen)
      return round
    },
    status: () => status.read(),
  }
}

export type { Round, UpkeepStatus } from './upkeep-status.ts'
