// One SFTP channel into each guest, for all who ask at that time; it is closed when nobody has asked for a while.
import type { Hex } from 'viem'
import type { EnterGuest } from '../ports/guest-login.ts'
import { connectGuest, type GuestClient } from '../ssh/guest-client.ts'
import { callsOf, type SftpCalls } from './calls.ts'
import { filesError } from './errors.ts'

/** A lease's first transfer is let in beyond `perNode`: whoever takes all places keeps no neighbour out. */
export type LinkLimits = { perLease: number; perNode: number; keptMs: number }
export const LINK_LIMITS: LinkLimits = { perLease: 8, perNode: 48, keptMs: 30_000 }

type Link = { client: GuestClient; calls: SftpCalls }
type Slot = { opened: Promise<Link>; users: number; timer: NodeJS.Timeout | undefined }

export type Links = {
  /** @returns a place among the users of the guest, to be given back. @throws AgentError `file-too-many`, or why the guest cannot be entered. */
  take(leaseId: Hex): Promise<{ calls: SftpCalls; release(): void }>
  close(): Promise<void>
}

export const makeLinks = (enterGuest: EnterGuest, limits: LinkLimits = LINK_LIMITS): Links => {
  const slots = new Map<Hex, Slot>()
  let users = 0
  let closed = false

  const forget = (leaseId: Hex, slot: Slot) => {
    clearTimeout(slot.timer)
    if (slots.get(leaseId) === slot) slots.delete(leaseId)
    slot.opened.then(
      ({ client }) => client.close(),
      () => undefined, // whoever asked for it has heard why
    )
  }

  const enter = async (leaseId: Hex): Promise<Link> => {
    const client = await connectGuest(await enterGuest(leaseId))
    try {
      const sftp = await client.sftp()
      sftp.on('error', () => undefined) // every request that waits is told by its own answer
      return { client, calls: callsOf(sftp) }
    } catch (error) {
      client.close()
      throw error
    }
  }

  const slotOf = (leaseId: Hex): Slot => {
    const known = slots.get(leaseId)
    if (known !== undefined) return known
    const slot: Slot = { opened: enter(leaseId), users: 0, timer: undefined }
    slots.set(leaseId, slot)
    slot.opened.then(
      ({ client }) => client.onClose(() => forget(leaseId, slot)),
      () => forget(leaseId, slot),
    )
    return slot
  }

  const give = (leaseId: Hex, slot: Slot) => {
    let given = false
    return () => {
      if (given) return
      given = true
      users--
      slot.users--
      if (slot.users === 0) slot.timer = setTimeout(() => forget(leaseId, slot), limits.keptMs)
    }
  }

  return {
    take: async (leaseId) => {
      const busy = slots.get(leaseId)?.users ?? 0
      if (closed || busy >= limits.perLease || (busy > 0 && users >= limits.perNode)) {
        throw filesError('file-too-many', 'Too many transfers are under way.', {
          hint: 'Wait until one of them is through.',
        })
      }
      const slot = slotOf(leaseId)
      clearTimeout(slot.timer)
      users++
      slot.users++
      const release = give(leaseId, slot)
      try {
        return { calls: (await slot.opened).calls, release }
      } catch (error) {
        release()
        throw error
      }
    },
    close: async () => {
      closed = true
      for (const [leaseId, slot] of [...slots]) forget(leaseId, slot)
    },
  }
}
