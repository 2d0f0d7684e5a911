// Keys of leases without a disk under them: for tests that make leases by the thousand.
import type { Hex } from 'viem'
import type { LeaseKeyStore, LeaseKeys } from '../../src/ports/lease-keys.ts'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'

export const NODE_ADDRESS = '10.77.0.1'

/** @param kept what survives whoever uses the store. */
export const makeMemoryKeys = (kept = new Map<Hex, LeaseKeys>()): LeaseKeyStore => ({
  list: async () => [...kept.keys()],
  of: async (leaseId) => kept.get(leaseId) ?? null,
  ensure: async (leaseId) => {
    const made = kept.get(leaseId) ?? { authority: makeKeyPair(), host: makeKeyPair(), login: makeKeyPair() }
    kept.set(leaseId, made)
    return made
  },
  remove: async (leaseId) => {
    kept.delete(leaseId)
  },
})
