// What came of trying to assign a request: when it may be tried again, and on which nodes not yet.
import type { Hex } from 'viem'

/** Errors of the contract that are about the node: another may do. */
const OF_THE_NODE = new Set([
  'LeaseEscrow_NodeNotActive',
  'LeaseEscrow_NoticeTooShort',
  'LeaseEscrow_RegionMismatch',
  'LeaseEscrow_PriceAboveMaximum',
  'LeaseEscrow_PriceOutOfRange',
  'LeaseEscrow_DepositTooSmall',
  'LeaseEscrow_NoCapacity',
  'LeaseEscrow_AboveCap',
])
/** Somebody placed it, or its tenant took it back: the ledger will say so. */
const SETTLED = new Set(['LeaseEscrow_WrongStatus', 'LeaseEscrow_RequestLapsed'])

export type Outcome = 'settled' | 'other-node' | 'not-ours' | 'later'

export const outcomeOf = (errorName: string): Outcome => {
  if (SETTLED.has(errorName)) return 'settled'
  if (OF_THE_NODE.has(errorName)) return 'other-node'
  return errorName === 'LeaseEscrow_NotAssigner' ? 'not-ours' : 'later'
}

export type Failure = { code: string; sentence: string; node: number; at: number }
type Attempt = { failures: number; notBefore: number; avoid: Map<number, number>; last: Failure }

const MOST = 100

export type Attempts = ReturnType<typeof makeAttempts>

/** @param retryMs after the first failure, doubled with each, at most a hundredfold. */
export const makeAttempts = (retryMs: number, now: () => number) => {
  const attempts = new Map<Hex, Attempt>()
  const said = new Map<Hex, string>()
  // When a round is wanted for what failed; each brings one.
  let wakes: number[] = []
  const waitOf = (failures: number) => retryMs * Math.min(2 ** (failures - 1), MOST)
  return {
    mayTry: (leaseId: Hex) => now() >= (attempts.get(leaseId)?.notBefore ?? 0),
    avoided: (leaseId: Hex): number[] =>
      [...(attempts.get(leaseId)?.avoid ?? [])].filter(([, until]) => now() < until).map(([node]) => node),
    last: (leaseId: Hex): Failure | null => attempts.get(leaseId)?.last ?? null,
    /** With another node at hand the next try comes at once, and this node's turn after the wait. */
    fail: (leaseId: Hex, outcome: Outcome, failure: Omit<Failure, 'at'>) => {
      const known = attempts.get(leaseId)
      const failures = (known?.failures ?? 0) + 1
      const after = now() + waitOf(failures)
      const avoid = known?.avoid ?? new Map<number, number>()
      if (outcome === 'other-node') avoid.set(failure.node, after)
      const notBefore = outcome === 'other-node' ? now() : after
      wakes.push(notBefore, after)
      attempts.set(leaseId, { failures, notBefore, avoid, last: { ...failure, at: now() } })
    },
    /** A round begins: what was to be tried by now is tried in it. */
    begin: () => {
      const started = now()
      wakes = wakes.filter((at) => at > started)
    },
    /** Milliseconds until something that failed is to be tried again, at most `most`. */
    nextIn: (most: number): number =>
      wakes.reduce((least, at) => Math.min(least, Math.max(at - now(), 0)), most),
    /** Whether this is news: the lease waits, and did not for this reason before. */
    isNews: (leaseId: Hex, sentence: string): boolean => {
      const known = said.get(leaseId) === sentence
      said.set(leaseId, sentence)
      return !known
    },
    /** Forgets the leases that wait no longer. */
    keep: (leaseIds: ReadonlySet<Hex>) => {
      for (const known of [attempts, said])
        for (const leaseId of known.keys()) if (!leaseIds.has(leaseId)) known.delete(leaseId)
    },
  }
}
