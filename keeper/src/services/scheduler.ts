// Places the requests that name no node. Level-triggered: each round starts from the ledger, and a lease is assigned under
// a key of its own in the journal, so that a crash, a restart or a second keeper costs at most a refused simulation.
import { type Follower, type Intent, type Journal, RevertError } from '@decloud/chain'
import { DecloudError, type LeaseView, leaseEscrowAbi, sentenceOf } from '@decloud/protocol'
import { type Address, decodeFunctionData, encodeFunctionData, type Hex, isAddressEqual } from 'viem'
import { explain } from '../domain/placement/explain.ts'
import { askedOf } from '../domain/placement/needs.ts'
import type { Choice, Placer } from '../domain/placement/placer.ts'
import { isRefusal, refusalSentence } from '../domain/placement/refusal.ts'
import type { Moment, PlacementRequest } from '../domain/placement/types.ts'
import type { Log } from '../ports/log.ts'
import type { Placements } from '../ports/placements.ts'
import type { Roles } from '../ports/roles.ts'
import { type Attempts, outcomeOf } from './placement/attempts.ts'
import type { PlacementWorld } from './placement/world.ts'

export type SchedulerDeps = {
  follower: Pick<Follower, 'health' | 'synced'>
  journal: Pick<Journal, 'send' | 'inFlight' | 'address'>
  roles: Roles
  world: PlacementWorld
  attempts: Attempts
  placements: Placements
  requestOf(lease: LeaseView): PlacementRequest
  escrow: Address
  maxInFlight: number
  log: Log
  signal: AbortSignal
}

type SchedulerState =
  | 'starting'
  /** Holds the role and places what can be placed. */
  | 'placing'
  /** Another key has the role: after a request's first minute the nodes' agents may take it themselves. */
  | 'not-the-scheduler'
  /** The guardian has stopped activations: what is assigned now would only expire. */
  | 'paused'
  /** The feed is not live: the ledger may be behind what is already assigned. */
  | 'feed-behind'

export type SchedulerStatus = { state: SchedulerState; scheduler: Address | null }
export type SchedulerRound = { placed: number; refused: number; failed: number; state: SchedulerState }

const KIND = 'assign'
const dedupeOf = (leaseId: Hex) => `${KIND} ${leaseId}`

/** The node in the data of an assignment of ours. */
const nodeIn = (data: Hex): number => {
  const { functionName, args } = decodeFunctionData({ abi: leaseEscrowAbi, data })
  return functionName === 'assign' ? args[1] : 0
}

export const makeScheduler = (deps: SchedulerDeps) => {
  const { follower, journal, roles, world, attempts, placements, requestOf, escrow, log, signal } = deps
  let status: SchedulerStatus = { state: 'starting', scheduler: null }
  const intentOf = ({ leaseId, terms }: LeaseView, node: number): Intent => {
    const data = encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'assign', args: [terms, node] })
    return { kind: KIND, dedupe: dedupeOf(leaseId), to: escrow, data }
  }

  /**
   * Keys of the assignments that an earlier round or process sent and that are not mined: their room is taken. What was
   * reserved for others that came to nothing is given back.
   */
  const underway = (placer: Placer, waiting: readonly LeaseView[], moment: Moment): ReadonlySet<string> => {
    const pending = new Map(
      journal
        .inFlight()
        .filter(({ kind, state }) => kind === KIND && state === 'pending')
        .map(({ dedupe, data }) => [dedupe, data]),
    )
    for (const lease of waiting) {
      const data = pending.get(dedupeOf(lease.leaseId))
      if (data === undefined) world.release(lease.leaseId)
      else if (!world.isReserved(lease.leaseId)) reserve(placer, lease, nodeIn(data), moment)
    }
    return new Set(pending.keys())
  }

  const reserve = (placer: Placer, lease: LeaseView, node: number, moment: Moment) => {
    const asked = askedOf(requestOf(lease), placer.world.policy, moment)
    if (!isRefusal(asked)) world.reserve(lease.leaseId, { node, needs: asked.needs, tenant: lease.tenant })
  }

  const fail = (lease: LeaseView, node: number, error: unknown) => {
    world.release(lease.leaseId)
    if (signal.aborted) return
    const name = error instanceof RevertError ? error.errorName : ''
    const code = name !== '' ? name : error instanceof DecloudError ? error.code : 'unknown'
    const outcome = outcomeOf(name)
    attempts.fail(lease.leaseId, outcome, { code, sentence: sentenceOf(error), node })
    if (outcome === 'not-ours') status = { ...status, state: 'not-the-scheduler' }
    const level = outcome === 'settled' ? 'info' : 'warn'
    log[level]({ leaseId: lease.leaseId, node, code, outcome }, sentenceOf(error))
  }

  const assign = async (lease: LeaseView, { node }: Choice): Promise<boolean> => {
    try {
      const { hash, blockNumber } = await journal.send(intentOf(lease, node))
      log.info({ leaseId: lease.leaseId, node, hash, blockNumber: String(blockNumber) }, 'placed')
      await follower.synced({ height: blockNumber })
      return true
    } catch (error) {
      fail(lease, node, error)
      return false
    }
  }

  /** What keeps this keeper from assigning anything just now; else the block to choose at. */
  const ready = async (): Promise<Moment | null> => {
    const { state, cursor } = follower.health()
    if (state !== 'live' || cursor === null) {
      status = { ...status, state: 'feed-behind' }
      return null
    }
    const { scheduler, pausedUntil } = await roles.read()
    const isOurs = isAddressEqual(scheduler, journal.address)
    const timestamp = Number(cursor.timestamp)
    const isPaused = pausedUntil > timestamp
    status = { scheduler, state: !isOurs ? 'not-the-scheduler' : isPaused ? 'paused' : 'placing' }
    return status.state === 'placing' ? { blockHash: cursor.hash, timestamp } : null
  }

  const chooseFor = (placer: Placer, lease: LeaseView, moment: Moment): Choice | null => {
    const request = requestOf(lease)
    const choice = placer.choose(request, moment)
    if (choice === null || isRefusal(choice)) {
      const sentence = choice === null ? 'No node takes it now.' : refusalSentence(choice)
      if (attempts.isNews(lease.leaseId, sentence)) log.info({ leaseId: lease.leaseId }, `waits: ${sentence}`)
      return null
    }
    placements.record(lease.leaseId, moment, explain(placer.world, request, moment))
    reserve(placer, lease, choice.node, moment)
    return choice
  }

  /** One round: every request that can be placed is sent on its way; resolves when all of them have arrived or failed. */
  const round = async (): Promise<SchedulerRound> => {
    const result = { placed: 0, refused: 0, failed: 0 }
    attempts.begin()
    const placer = world.refresh()
    const waiting = world.waiting()
    attempts.keep(new Set(waiting.map((lease) => lease.leaseId)))
    const moment = await ready()
    if (placer === null || moment === null) return { ...result, state: status.state }
    const flying = underway(placer, waiting, moment)
    const flights: Promise<boolean>[] = []
    for (const lease of waiting) {
      if (signal.aborted || flights.length + flying.size >= deps.maxInFlight) break
      if (flying.has(dedupeOf(lease.leaseId)) || !attempts.mayTry(lease.leaseId)) continue
      const choice = chooseFor(placer, lease, moment)
      if (choice === null) result.refused += 1
      else flights.push(assign(lease, choice))
    }
    for (const isPlaced of await Promise.all(flights)) result[isPlaced ? 'placed' : 'failed'] += 1
    return { ...result, state: status.state }
  }

  return { round, status: (): SchedulerStatus => status }
}
