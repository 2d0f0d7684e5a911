// What the stored logs say about nodes that came and went, and about downtime that was voted on and given back.
import { makeEventReader } from '@decloud/chain'
import type { Deployment, ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Hex, pad, toHex } from 'viem'
import type { Credit, Vote } from '../../domain/downtime.ts'
import type { Activity } from '../../domain/uptime.ts'
import type { BeatHistory } from '../../ports/beats.ts'

const inChainOrder = (a: ProtocolEvent, b: ProtocolEvent) =>
  Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex

const activityOf = (event: ProtocolEvent): Activity[] => {
  const at = Number(event.timestamp)
  if (event.name === 'NodeRegistered') return [{ at, active: true }]
  return event.name === 'NodeActiveChanged' ? [{ at, active: event.args.active }] : []
}

const creditOf = (event: ProtocolEvent): Credit[] =>
  event.name === 'LeaseCredited' ? [{ at: Number(event.timestamp), duration: event.args.duration }] : []

const voteOf = (event: ProtocolEvent): Vote[] =>
  event.name === 'CreditVoted'
    ? [{ attester: event.args.attester, duration: event.args.duration, at: Number(event.timestamp) }]
    : []

/** Votes since a ballot's key last changed: list of attesters, and start, credits and earlier payments of the lease. */
const votesThatCount = (events: readonly ProtocolEvent[]): Vote[] => {
  let votes: Vote[] = []
  let startedAt = 0
  for (const event of events) {
    votes.push(...voteOf(event))
    if (event.name === 'LeaseActivated') startedAt = event.args.startedAt
    const moved = event.name === 'LeaseToppedUp' && event.args.startedAt !== startedAt
    if (event.name === 'LeaseToppedUp' || event.name === 'LeaseCredited') startedAt = event.args.startedAt
    if (moved || event.name === 'AttestersChanged' || event.name === 'LeaseCredited') votes = []
  }
  return votes
}

/** @param db of the feed. */
export const makeBeatHistory = (db: Database, deployment: Deployment): BeatHistory => {
  const read = makeEventReader(deployment)
  const { nodeRegistry, leaseEscrow, downtimeQuorum } = deployment
  const ofLease = (leaseId: Hex) => read(db, { address: [leaseEscrow, downtimeQuorum], topic1: leaseId })
  const listChanges = () =>
    read(db, { address: downtimeQuorum }).filter((event) => event.name === 'AttestersChanged')
  return {
    activityOf: (node) =>
      read(db, { address: nodeRegistry, topic1: pad(toHex(node), { size: 32 }) }).flatMap(activityOf),
    creditsOf: (leaseId) => ofLease(leaseId).flatMap(creditOf),
    votesOf: (leaseId) => votesThatCount([...ofLease(leaseId), ...listChanges()].sort(inChainOrder)),
  }
}
