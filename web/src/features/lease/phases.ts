// The life of a lease as its tenant reads it: what the chain says, refined by what the node's agent says. Pure.
import type { EndReason } from '@decloud/protocol/lease'
import type { LeaseView } from '@decloud/protocol/lease-fold'
import type { LeaseStatusReport, Phase } from '@decloud/protocol/wire/node'
import { duration, moment, usdc } from '../../data/format.ts'

type PhaseState = 'done' | 'now' | 'todo' | 'failed'
export type TimelinePhase = { id: string; title: string; state: PhaseState; detail: string }

export type Machine = { state: 'known'; report: LeaseStatusReport } | { state: 'unknown'; why: string }

const IDS = ['signed', 'assigned', 'provisioning', 'booting', 'ready', 'ended'] as const
const TITLES: Readonly<Record<(typeof IDS)[number], string>> = {
  signed: 'Signed',
  assigned: 'Paid and assigned',
  provisioning: 'Provisioning',
  booting: 'Booting',
  ready: 'Ready',
  ended: 'Ended',
}

const DOING: Readonly<Record<Phase, string>> = {
  Waiting: 'Waiting for its turn on the node.',
  OpeningManifest: 'The node is opening your sealed settings.',
  PreparingDisk: 'The node is preparing the disk.',
  Booting: 'The guest is starting up.',
  Activating: 'The guest is ready; the node is starting the meter on chain.',
  Running: 'The machine is running.',
  Stopping: 'The machine is shutting down.',
  Gone: 'The machine is gone from the node.',
}

export const END_TEXTS: Readonly<Record<EndReason, string>> = {
  None: 'Over.',
  ClosedByTenant: 'You closed it.',
  ReclaimedByOperator: 'The operator took the machine back after the agreed notice.',
  Depleted: 'The deposit was used up and not renewed in time.',
  Expired: 'The node did not get it ready in time. Everything was returned to your DeCloud balance.',
  Cancelled: 'It was cancelled before it was ready. Everything was returned.',
}

/** Index in `IDS` of where the lease stands. */
const position = (lease: LeaseView, machine: Machine): number => {
  switch (lease.status) {
    case 'Requested':
      return 1
    case 'Assigned':
      return booting(machine) ? 3 : 2
    case 'Active':
      return 4
    case 'Ended':
      return 5
  }
}

const booting = (machine: Machine) =>
  machine.state === 'known' && ['Booting', 'Activating', 'Running'].includes(machine.report.vm.phase)

/** @param now unix seconds by the chain's clock. @param depleted active with nothing left to bill. */
export const timeline = (
  lease: LeaseView,
  machine: Machine,
  now: number,
  depleted: boolean,
): TimelinePhase[] => {
  const at = position(lease, machine)
  const late = (lease.status === 'Requested' || lease.status === 'Assigned') && now > lease.activateBy
  return IDS.map((id, i) => ({
    id,
    title: TITLES[id],
    state: stateAt(lease, i, at, late, machine),
    detail: detailOf(id, lease, machine, now, { at, i, late, depleted }),
  }))
}

const stateAt = (lease: LeaseView, i: number, at: number, late: boolean, machine: Machine): PhaseState => {
  // A lease that ended without being ready skipped the phases between.
  if (lease.status === 'Ended' && lease.startedAt === 0 && i >= 2 && i <= 4) return 'todo'
  if (i < at || (i === at && (lease.status === 'Active' || lease.status === 'Ended'))) return 'done'
  if (i > at) return 'todo'
  return late || (machine.state === 'known' && machine.report.vm.status === 'Error') ? 'failed' : 'now'
}

type Place = { at: number; i: number; late: boolean; depleted: boolean }

const detailOf = (
  id: (typeof IDS)[number],
  lease: LeaseView,
  machine: Machine,
  now: number,
  place: Place,
): string => {
  if (id === 'signed') return `Terms fixed in block ${lease.requestedAtBlock}.`
  if (id === 'assigned' && lease.status !== 'Requested') {
    return `Node ${lease.node} at ${usdc(lease.pricePerHour, 4)} USDC an hour.`
  }
  if (id === 'ready' && lease.startedAt > 0) return readyText(lease, place.depleted)
  if (id === 'ended')
    return lease.status === 'Ended' ? `${END_TEXTS[lease.endReason]} ${moment(lease.endedAt)}` : ''
  if (place.i !== place.at) return ''
  if (place.late && id === 'assigned') {
    return 'No node took the lease in time. Close it to take everything back.'
  }
  if (id === 'assigned') return `Waiting for a node, for ${duration(lease.activateBy - now)} at most.`
  if (place.late) return 'The node missed its deadline. Close the lease to take everything back.'
  return `${machineText(machine)} ${deadlineText(lease, now)}`.trim()
}

const readyText = (lease: LeaseView, depleted: boolean) =>
  depleted
    ? 'The deposit is used up: the guest is stopped and its disk is kept for 72 h. Top up to resume.'
    : `Billing since ${moment(lease.startedAt)}.`

const machineText = (machine: Machine): string => {
  if (machine.state === 'unknown') return machine.why
  const { phase, reason } = machine.report.vm
  return reason === null ? DOING[phase] : reason.message
}

const deadlineText = (lease: LeaseView, now: number): string =>
  lease.status === 'Assigned'
    ? `The node has ${duration(lease.activateBy - now)} left; after that everything is yours again.`
    : ''
