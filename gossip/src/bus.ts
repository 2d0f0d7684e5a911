// Gossip without a network, for tests and simulations: the same promises as the mesh, kept within one process.
import { randomUUID } from 'node:crypto'
import { DecloudError } from '@decloud/protocol'
import { type Bans, makeBans } from './scoring.ts'
import type { Gossip, GossipOptions } from './types.ts'

export type Bus = {
  /** @throws DecloudError `multiaddr-invalid` for a bootstrap address that is not of a bus. */
  join(options: GossipOptions & { maxMessageBytes: number }): Gossip
}

type Member = GossipOptions & {
  peerId: string
  maxMessageBytes: number
  seen: Set<string>
  bans: Bans
  gone: boolean
  /** By sender: what it sent is looked at one by one. */
  inbox: Map<string, Promise<void>>
}

const addressOf = (peerId: string) => `/memory/${peerId}`

/** @param now for bans; unix milliseconds. */
export const makeBus = (now: () => number = Date.now): Bus => {
  const members = new Map<string, Member>()

  const dials = (one: Member, other: Member) => one.bootstrap.includes(addressOf(other.peerId))
  const neighbours = (member: Member): Member[] =>
    [...members.values()].filter(
      (other) =>
        other !== member &&
        other.topic === member.topic &&
        (dials(member, other) || dials(other, member)) &&
        !other.bans.isBanned(member.peerId) &&
        !member.bans.isBanned(other.peerId),
    )
  const hearing = (member: Member) => neighbours(member).filter((other) => other.ear !== undefined)

  const deliver = async (message: Uint8Array, from: Member, to: Member): Promise<void> => {
    const id = Buffer.from(message).toString('base64')
    if (to.gone || to.ear === undefined || to.seen.has(id) || to.bans.isBanned(from.peerId)) return
    to.seen.add(id)
    try {
      const verdict =
        message.length > to.maxMessageBytes ? 'reject' : await to.ear(message.slice(), from.peerId)
      if (verdict === 'reject') to.bans.rejected(from.peerId)
      if (verdict === 'accept') send(message, to, from)
    } catch (error) {
      to.onError?.(error)
    }
  }
  const send = (message: Uint8Array, from: Member, except?: Member): number => {
    const to = hearing(from).filter((other) => other !== except)
    for (const other of to) {
      const before = other.inbox.get(from.peerId) ?? new Promise((resolve) => setImmediate(resolve))
      const delivered = before.then(() => deliver(message, from, other))
      other.inbox.set(from.peerId, delivered)
    }
    return to.length
  }

  return {
    join: (options) => {
      for (const address of options.bootstrap) checkMemoryAddress(address)
      const peerId = randomUUID()
      const member = {
        ...options,
        peerId,
        seen: new Set<string>(),
        bans: makeBans(now),
        gone: false,
        inbox: new Map(),
      }
      members.set(peerId, member)
      return {
        peerId,
        addresses: () => (options.listen.length > 0 ? [addressOf(peerId)] : []),
        listeners: () => hearing(member).length,
        publish: async (message) => {
          const id = Buffer.from(message).toString('base64')
          if (member.seen.has(id) || hearing(member).length === 0) return 0
          member.seen.add(id)
          return send(message, member)
        },
        close: async () => {
          member.gone = true
          members.delete(peerId)
        },
      }
    },
  }
}

const checkMemoryAddress = (address: string) => {
  if (address.startsWith('/memory/')) return
  throw new DecloudError('multiaddr-invalid', `"${address}" is not an address of this bus.`)
}
