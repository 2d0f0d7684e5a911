// Who may do what with a lease: a pure order of levels.

/** `viewer` to `manager` are those of `ILeaseAccess.Level`; the tenant of a lease that lives holds them all. */
export type Level = 'viewer' | 'user' | 'manager' | 'tenant'
/** What a route asks for: to see how it is, to enter the machine, or to change it. */
export type Need = 'view' | 'use' | 'manage'

const RANK: Readonly<Record<Level, number>> = { viewer: 1, user: 2, manager: 3, tenant: 4 }
const LEAST: Readonly<Record<Need, number>> = { view: 1, use: 2, manage: 3 }

export const allows = (level: Level, need: Need): boolean => RANK[level] >= LEAST[need]

/** What the chain says of one account and one lease, at one block. */
export type AccessFacts = {
  /** Index of the node that the lease runs on; 0 for none. */
  leaseNode: number
  lives: boolean
  isTenant: boolean
  /** Of `LeaseAccess.levelOf`: 0 none, 1 viewer, 2 user, 3 manager. */
  granted: number
}

const GRANTED: readonly (Level | null)[] = [null, 'viewer', 'user', 'manager']

/**
 * Access ends with the lease, but for its tenant's, who may still look at what became of the machine.
 * @returns null for nobody.
 */
export const levelFrom = (
  { leaseNode, lives, isTenant, granted }: AccessFacts,
  node: number,
): Level | null => {
  if (leaseNode !== node) return null
  if (isTenant) return lives ? 'tenant' : 'viewer'
  return lives ? (GRANTED[granted] ?? null) : null
}
