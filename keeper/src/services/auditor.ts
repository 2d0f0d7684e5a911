// Events are hints, contract storage is truth: every few minutes the whole ledger is held against storage at one block.
import type { Follower } from '@decloud/chain'
import { type Difference, differences } from '../domain/difference.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Answers, ContractStorage, Questions } from '../ports/storage.ts'

export type AuditorDeps = {
  follower: Pick<Follower, 'health' | 'resync' | 'synced'>
  ledger: Ledger
  storage: ContractStorage
  /** Folds the ledger anew from the stored logs. */
  refold(): void
  log: Log
}

export type Audit = {
  /** `moved`: the chain moved while it was read, or nothing is indexed yet; nothing was compared. */
  outcome: 'equal' | 'refolded' | 'resynced' | 'different' | 'moved'
  height: bigint | null
  differences: Difference[]
}

type Picture = Pick<Answers, 'earned' | 'balances'> & Record<'leases' | 'nodes' | 'policy', readonly object[]>

export const makeAuditor = ({ follower, ledger, storage, refold, log }: AuditorDeps) => {
  /** @param scope `open` leaves out leases that can never change again. */
  const compare = async (scope: 'open' | 'all') => {
    const cursor = follower.health().cursor
    if (cursor === null) return null
    // One synchronous breath: all of it is the ledger at the cursor.
    const leases = scope === 'all' ? ledger.allLeases() : ledger.openLeases()
    const policy = ledger.policy()
    const ours: Picture = {
      leases,
      nodes: ledger.nodes(),
      earned: ledger.earned(),
      balances: ledger.accounts(),
      policy: policy === undefined ? [] : [policy],
    }
    const questions: Questions = {
      leases: leases.map((lease) => lease.leaseId),
      accounts: ours.balances.map((row) => row.account),
      earners: ours.earned.map((row) => row.node),
    }
    const theirs = await storage.readAt(cursor, questions)
    return theirs === null ? null : { height: cursor.height, found: differencesOf(ours, theirs) }
  }

  /** Compares; on a difference refolds, and when that does not help, reads the chain anew. */
  const audit = async (scope: 'open' | 'all' = 'open'): Promise<Audit> => {
    const first = await compare(scope)
    if (first === null) return { outcome: 'moved', height: null, differences: [] }
    if (first.found.length === 0) return { outcome: 'equal', height: first.height, differences: [] }
    for (const difference of first.found) log.warn(difference, 'the ledger differs from contract storage')
    const repaired = { height: first.height, differences: first.found }
    refold()
    if (await isEqual()) return { outcome: 'refolded', ...repaired }
    follower.resync()
    await follower.synced()
    if (await isEqual()) return { outcome: 'resynced', ...repaired }
    log.error({ differences: first.found.length }, 'the ledger still differs after a resync')
    return { outcome: 'different', ...repaired }
  }

  // A chain that moves just then gives no answer: a few tries, each at the block of its moment.
  const isEqual = async (): Promise<boolean> => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const again = await compare('all')
      if (again !== null) return again.found.length === 0
    }
    return false
  }

  return { audit }
}

const differencesOf = (ours: Picture, theirs: Answers): Difference[] => {
  const record = (rows: readonly object[]) => rows as readonly Readonly<Record<string, unknown>>[]
  const keyBy = (field: string) => (row: Readonly<Record<string, unknown>>) => String(row[field])
  return [
    ...differences(
      'lease',
      keyBy('leaseId'),
      record(ours.leases),
      record(theirs.leases),
      (l) => l['status'] === 'None',
    ),
    ...differences('node', keyBy('node'), record(ours.nodes), record(theirs.nodes)),
    // A node that never earned has no row here and a zero there.
    ...differences(
      'earned',
      keyBy('node'),
      record(ours.earned),
      record(
        theirs.earned.filter((row) => row.earned !== 0n || ours.earned.some((own) => own.node === row.node)),
      ),
    ),
    ...differences('account', keyBy('account'), record(ours.balances), record(theirs.balances)),
    ...differences('policy', () => 'policy', record(ours.policy), record([theirs.policy])),
  ]
}
