import type { Hex } from 'viem'
import type { GuestAccess } from '../ports/guest.ts'
import type { LeaseKeys } from '../ports/lease-keys.ts'
import { principalOf } from './certificate.ts'

/** Of the lease's keys, what the guest has to know: no private half but that of its own host key. */
export const accessOf = (
  leaseId: Hex,
  { authority, host, login }: LeaseKeys,
  nodeAddress: string,
): GuestAccess => ({
  hostKey: host,
  userAuthority: authority.publicKey,
  principal: principalOf(leaseId),
  nodeKey: login.publicKey,
  nodeAddress,
})
