// "Why this node, why not that one": for a lease that waits, what would be chosen now; for one that this keeper placed,
// what it knew when it did.
import type { Follower } from '@decloud/chain'
import { DecloudError, type LeaseView } from '@decloud/protocol'
import type { ApiPlacement, ApiPlacementDecision } from '@decloud/protocol/wire/placement'
import type { Hex } from 'viem'
import { explain } from '../../domain/placement/explain.ts'
import { refusalSentence } from '../../domain/placement/refusal.ts'
import { COMPONENTS, WEIGHTS } from '../../domain/placement/score.ts'
import type { PlacementRequest } from '../../domain/placement/types.ts'
import type { Ledger } from '../../ports/ledger.ts'
import type { Decision, Placements } from '../../ports/placements.ts'
import type { SchedulerStatus } from '../scheduler.ts'
import type { Attempts } from './attempts.ts'
import type { PlacementWorld } from './world.ts'

export type PlacementReaderDeps = {
  follower: Pick<Follower, 'health'>
  ledger: Pick<Ledger, 'lease'>
  world: PlacementWorld
  placements: Placements
  attempts: Attempts
  requestOf(lease: LeaseView): PlacementRequest
  status(): SchedulerStatus | null
}
type Wanted = { limit: number; node?: number | undefined }

export type PlacementReader = {
  /** @throws DecloudError `lease-unknown`, `not-indexed`. */
  of(leaseId: Hex, wanted: Wanted): ApiPlacement
}

export const makePlacementReader = (deps: PlacementReaderDeps): PlacementReader => {
  const { follower, ledger, world, placements, attempts, requestOf } = deps

  const now = (lease: LeaseView): Decision => {
    const { cursor } = follower.health()
    const placer = world.refresh()
    if (cursor === null || placer === null) {
      throw new DecloudError('not-indexed', 'The keeper has not read the chain yet.', {
        hint: 'Ask again in a moment.',
      })
    }
    const moment = { blockHash: cursor.hash, timestamp: Number(cursor.timestamp) }
    const explanation = explain(placer.world, requestOf(lease), moment)
    const { candidates, refused } = explanation
    return { ...explanation, moment, candidateCount: candidates.length, refusedCount: refused.length }
  }

  return {
    of: (leaseId, wanted) => {
      const lease = ledger.lease(leaseId)
      if (lease === undefined) throw new DecloudError('lease-unknown', `There is no lease ${leaseId}.`)
      const waits = lease.status === 'Requested'
      const decision = waits ? now(lease) : placements.find(leaseId)
      const ours = lease.node !== 0 && decision?.chosen === lease.node
      const status = deps.status()
      const failure = attempts.last(leaseId)
      return {
        ...{ leaseId: lease.leaseId, status: lease.status, node: lease.node },
        placedBy: placedBy(lease, ours),
        waitsBecause: waits && decision !== null ? waitsBecause(decision, status) : null,
        decision: decision !== null && (waits || ours) ? decisionView(decision, wanted) : null,
        lastFailure: failure === null ? null : { ...failure, at: Math.floor(failure.at / 1_000) },
        scheduler: { state: status?.state ?? 'disabled', address: status?.scheduler ?? null },
      }
    },
  }
}

const placedBy = (lease: LeaseView, ours: boolean): ApiPlacement['placedBy'] => {
  if (lease.node === 0) return null
  if (lease.terms.node !== 0) return 'tenant'
  return ours ? 'this-keeper' : 'somebody-else'
}

const STATES: Readonly<Record<string, string>> = {
  starting: 'the keeper is starting',
  'not-the-scheduler':
    "this keeper does not hold the scheduler's key; from a minute after the request on, a node's own agent may take it too",
  paused: 'the guardian has stopped activations for a while',
  'feed-behind': 'the keeper is behind the chain',
  disabled: 'this keeper places no leases',
}

const waitsBecause = ({ refusal, chosen, refused }: Decision, status: SchedulerStatus | null): string => {
  if (refusal !== null) return refusalSentence(refusal)
  if (chosen === null && refused.length === 0) return 'No node is registered.'
  if (chosen === null) return `None of ${refused.length} nodes takes it: ${tally(refused)}.`
  const reason = STATES[status?.state ?? 'disabled']
  return reason === undefined
    ? `Node ${chosen} takes it; it is being assigned.`
    : `Node ${chosen} would take it, but ${reason}.`
}

/** "12 price, 3 offline", most frequent first. */
const tally = (refused: Decision['refused']): string => {
  const counts = new Map<string, number>()
  for (const { refused: code } of refused) counts.set(code, (counts.get(code) ?? 0) + 1)
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([code, count]) => `${count} ${code}`)
    .join(', ')
}

const decisionView = (decision: Decision, { limit, node }: Wanted): ApiPlacementDecision => {
  const { moment, chosen, refusal, candidateCount, refusedCount } = decision
  const ranked = decision.candidates.map((candidate, at) => ({ rank: at + 1, ...candidate }))
  return {
    ...{ blockHash: moment.blockHash, at: moment.timestamp, chosen, candidateCount, refusedCount },
    refusal: refusal === null ? null : refusalSentence(refusal),
    weights: Object.fromEntries(COMPONENTS.map((component) => [component, WEIGHTS[component]])),
    candidates: firstOf(ranked, limit, node).map(({ rank, node: id, price, total, score }) => ({
      ...{ rank, node: id, price, total, score },
    })),
    refused: firstOf(decision.refused, limit, node).map((one) => ({
      ...{ node: one.node, code: one.refused, sentence: refusalSentence(one) },
    })),
  }
}

const firstOf = <row extends { node: number }>(
  rows: readonly row[],
  limit: number,
  node: number | undefined,
) => {
  const asked = rows.filter((row) => row.node === node)
  return [...asked, ...rows.filter((row) => row.node !== node)].slice(0, limit)
}
