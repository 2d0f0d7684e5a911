// What stands over the market: pointers, pause, scheduler, and the two lists of attesters.
import type { ProtocolEvent } from '@decloud/protocol'
import { type Address, zeroAddress } from 'viem'

/** Mirrors LeaseDesk. Times are unix seconds, 0 for none. */
export type DeskView = {
  registry: Address
  policy: Address
  templates: Address
  nextRegistry: Address
  nextPolicy: Address
  nextTemplates: Address
  pointersMoveAt: number
  templatesMoveAt: number
  pausedUntil: number
  guardian: Address
  scheduler: Address
  owner: Address
  pendingOwner: Address
}

export const EMPTY_DESK: DeskView = {
  registry: zeroAddress,
  policy: zeroAddress,
  templates: zeroAddress,
  nextRegistry: zeroAddress,
  nextPolicy: zeroAddress,
  nextTemplates: zeroAddress,
  pointersMoveAt: 0,
  templatesMoveAt: 0,
  pausedUntil: 0,
  guardian: zeroAddress,
  scheduler: zeroAddress,
  owner: zeroAddress,
  pendingOwner: zeroAddress,
}

/** One step of the fold. */
export const applyDeskEvent = (desk: DeskView, event: ProtocolEvent): DeskView => {
  if (event.contract !== 'LeaseDesk') return desk
  switch (event.name) {
    case 'PointersAnnounced': {
      const { registry: nextRegistry, policy: nextPolicy, moveAt: pointersMoveAt } = event.args
      return { ...desk, nextRegistry, nextPolicy, pointersMoveAt }
    }
    case 'PointersMoved':
      return { ...desk, ...event.args, nextRegistry: zeroAddress, nextPolicy: zeroAddress, pointersMoveAt: 0 }
    case 'TemplatesAnnounced':
      return { ...desk, nextTemplates: event.args.templates, templatesMoveAt: event.args.moveAt }
    case 'TemplatesMoved':
      return { ...desk, ...event.args, nextTemplates: zeroAddress, templatesMoveAt: 0 }
    case 'PausedUntil':
      return { ...desk, pausedUntil: event.args.until }
    case 'GuardianChanged':
    case 'SchedulerChanged':
      return { ...desk, ...event.args }
    case 'OwnershipTransferStarted':
      return { ...desk, pendingOwner: event.args.newOwner }
    case 'OwnershipTransferred':
      return { ...desk, owner: event.args.newOwner, pendingOwner: zeroAddress }
    default:
      event satisfies never
      return desk
  }
}

/** Who votes on downtime, and how many of them it takes. */
export type QuorumView = { attesters: readonly Address[]; quorum: number }

export const EMPTY_QUORUM: QuorumView = { attesters: [], quorum: 0 }

export const applyQuorumEvent = (view: QuorumView, event: ProtocolEvent): QuorumView =>
  event.contract === 'DowntimeQuorum' && event.name === 'AttestersChanged'
    ? { attesters: event.args.attesters, quorum: Number(event.args.quorum) }
    : view

/** Who attests uptime, in the order of the contract's list: the last takes the place of one that is taken off. */
export const applyAttesterEvent = (list: readonly Address[], event: ProtocolEvent): readonly Address[] => {
  if (event.contract !== 'Reputation' || event.name !== 'AttesterChanged') return list
  const { attester, allowed } = event.args
  if (allowed) return list.includes(attester) ? list : [...list, attester]
  const last = list.at(-1)
  return list.map((one) => (one === attester && last !== undefined ? last : one)).slice(0, -1)
}
