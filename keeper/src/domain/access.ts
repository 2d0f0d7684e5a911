// Who else may use a lease, with which key, and the manifests that followed the first. Mirrors LeaseAccess.
import type { Address, Hex } from 'viem'

export const ACCESS_LEVELS = ['None', 'Viewer', 'User', 'Manager'] as const
export type AccessLevel = (typeof ACCESS_LEVELS)[number]

/** `None` is never kept: who was revoked has no row. With the end of the lease all access is over. */
export type GrantView = { leaseId: Hex; account: Address; level: Exclude<AccessLevel, 'None'>; since: number }

/** The X25519 key that an account published; `epoch` counts from 1. */
export type SealingKeyView = { account: Address; sealingKey: Hex; epoch: number }

/** A sealed manifest that replaces the one of the opening. */
export type PostedManifestView = {
  leaseId: Hex
  version: number
  manifestHash: Hex
  ciphertext: Hex
  postedIn: bigint
}

export const levelName = (level: number): AccessLevel => ACCESS_LEVELS[level] ?? 'None'
