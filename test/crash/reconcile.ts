// After the last kill: everything anybody says about the market, held against everything else, to the unit.
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import type { Hex } from 'viem'
import type { Local } from '../../chain/test/local.ts'
import { makeKeeper, parseConfig } from '../../keeper/src/index.ts'
import { audit } from '../../scripts/audit/audit.ts'
import { type Ends, endsOf } from './end-states.ts'
import type { KeeperRig } from './keeper-process.ts'
import { tableDifferences } from './tables.ts'
import { costlyNoOps, doubleEffects, lostRaces, type Tally, tallyOf, transactionsOf } from './transactions.ts'

/** Every list is empty when all is well. */
export type Reconciliation = {
  ends: Ends
  transactions: Tally[]
  /** Assignments whose room a stranger took first: gas spent, nothing done twice. */
  lostRaces: { count: number; gas: bigint }
  /** Effects that happened more than once, and transactions without effect that cost more than a look. */
  doubleSends: unknown[]
  /** The independent books against contract storage. */
  auditDifferences: unknown[]
  /** Each keeper's tables against contract storage, and against those of a keeper that read all of it anew. */
  keeperDifferences: unknown[]
  figures: { auditedLeases: number; auditedReads: number; keeperTables: number; keeperRows: number }
}

const auditKeeper = async (local: Local, dataDir: string) => {
  const config = parseConfig({
    ...{ rpcUrls: [local.anvil.rpcUrl], deployment: local.deployment, dataDir },
    ...{ port: 0, auditEverySeconds: 86_400, logLevel: 'fatal' },
  })
  // No key: it reads, and sends nothing.
  const keeper = await makeKeeper({ config, key: null })
  try {
    await keeper.synced({ deadlineMs: 120_000 })
    for (let attempt = 0; attempt < 20; attempt++) {
      const { outcome, differences } = await keeper.audit('all')
      if (outcome !== 'moved') return { outcome, differences, leases: keeper.ledger.allLeases().length }
    }
  } finally {
    await keeper.close()
  }
  throw new DecloudError('chain-moved', 'The chain would not stand still for an audit.')
}

const compareKeepers = async (local: Local, rigs: readonly KeeperRig[], folder: string, leases: number) => {
  const found: unknown[] = []
  const fresh = join(folder, 'fresh')
  for (const [name, dataDir] of [
    ...rigs.map((rig) => [rig.name, rig.dataDir] as const),
    ['fresh', fresh] as const,
  ]) {
    const result = await auditKeeper(local, dataDir)
    found.push(...result.differences.map((difference) => ({ keeper: name, ...difference })))
    if (result.outcome !== 'equal') found.push({ keeper: name, outcome: result.outcome })
    if (result.leases !== leases) found.push({ keeper: name, leases: result.leases, wanted: leases })
  }
  let figures = { tables: 0, rows: 0 }
  for (const { name, dataDir } of rigs) {
    const { found: rows, ...counts } = tableDifferences(
      join(dataDir, 'keeper.sqlite'),
      join(fresh, 'keeper.sqlite'),
    )
    found.push(...rows.map((row) => ({ keeper: name, ...row })))
    figures = counts
  }
  return { found, figures }
}

/** @param opened the leases that the load opened. The keepers have been stopped, and the chain stands still. */
export const reconcile = async (
  local: Local,
  rigs: readonly KeeperRig[],
  options: { folder: string; opened: readonly Hex[]; onProgress(text: string): void },
): Promise<Reconciliation> => {
  const { folder, opened, onProgress } = options
  onProgress('books from the logs alone')
  const books = await audit({
    ...{ deployment: local.deployment, rpcUrl: local.anvil.rpcUrl, at: 'latest', onProgress: () => {} },
  })
  const missing = books.leases === opened.length ? [] : [{ leases: books.leases, opened: opened.length }]
  onProgress('ends of leases')
  const ends = await endsOf(local, opened)
  onProgress('transactions of the keepers')
  const names = rigs.map(
    ({ account, name }) => [local.anvil.account(account).address.toLowerCase(), name] as const,
  )
  const sent = await transactionsOf(local, new Map(names))
  const doubles = await doubleEffects(local)
  const races = lostRaces(sent)
  onProgress('tables of the keepers')
  const tables = await compareKeepers(local, rigs, folder, opened.length)
  return {
    ends,
    transactions: tallyOf(sent),
    lostRaces: { count: races.length, gas: races.reduce((sum, { gasUsed }) => sum + gasUsed, 0n) },
    doubleSends: [...doubles, ...costlyNoOps(sent)],
    auditDifferences: [...books.differences, ...missing],
    keeperDifferences: tables.found,
    figures: {
      auditedLeases: books.leases,
      auditedReads: books.reads,
      keeperTables: tables.figures.tables,
      keeperRows: tables.figures.rows,
    },
  }
}
