// What a crash run counts, on worlds that are wrong in one known way each: a count that cannot rise proves nothing.
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import { leaseEscrowAbi } from '@decloud/protocol'
import { encodeFunctionData, type Hex, toHex, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGENT, KEEPER, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { type Harness, makeHarness } from '../../keeper/test/harness.ts'
import { endsOf } from '../crash/end-states.ts'
import { KILLS_A_MARKET, marketsOf, runMarkets } from '../crash/markets.ts'
import type { CrashOptions, CrashReport } from '../crash/run.ts'
import { tableDifferences } from '../crash/tables.ts'
import {
  costlyNoOps,
  lostRaces,
  type SentTransaction,
  tallyOf,
  transactionsOf,
} from '../crash/transactions.ts'
import { makeRandom } from '../world/random.ts'

const MAIN = new URL('../../scripts/crash/main.ts', import.meta.url).pathname
let local: Local
let harness: Harness
let folder: string
beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  folder = await mkdtemp(join(tmpdir(), 'crash-tools-'))
  await local.register()
  await local.fund(TENANT, 100_000_000n)
})
afterAll(async () => {
  await harness?.close()
  await local?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

const activate = (leaseId: Hex) => local.escrow(AGENT, 'activate', [leaseId, toHex(7, { size: 32 })])

describe('lost leases', () => {
  it('are those that are open, unsettled, or ended as none should', async () => {
    const [open, waiting, closed, reclaimed] = [
      await local.open(TENANT, 1),
      await local.open(TENANT, 1),
      await local.open(TENANT, 1),
      await local.open(TENANT, 1),
    ]
    for (const id of [open, closed, reclaimed]) await activate(id)
    await local.anvil.moveTime(3_600)
    await local.escrow(TENANT, 'close', [closed, zeroAddress])
    await local.escrow(OPERATOR, 'startReclaim', [reclaimed, toHex(0, { size: 32 })])
    await local.escrow(OPERATOR, 'reclaim', [reclaimed])
    const ids = [open, waiting, closed, reclaimed]
    const before = await endsOf(local, ids)
    expect(before.lost.map(({ lease }) => lease)).toEqual(ids)
    expect(before.lost.map(({ why }) => why)).toEqual([
      'is Active',
      'is Assigned',
      expect.stringMatching(/^settled \d+ of \d+$/),
      expect.stringMatching(/^ended as ReclaimedByOperator, once active; settled/),
    ])
    await local.anvil.moveTime(120)
    await local.escrow(KEEPER, 'settle', [ids])
    await local.escrow(TENANT, 'close', [waiting, zeroAddress])
    const after = await endsOf(local, ids)
    expect(after.lost.map(({ lease }) => lease)).toEqual([open, reclaimed])
    expect(after.byReason).toMatchObject({ ClosedByTenant: 1, Cancelled: 1 })
  })
})

describe('transactions of keepers', () => {
  it('are told apart by what they did', async () => {
    const id = await local.open(TENANT, 1)
    await activate(id)
    await local.anvil.moveTime(3_600)
    await local.escrow(KEEPER, 'settle', [[id]])
    await local.escrow(KEEPER, 'settle', [[toHex(99, { size: 32 })]])
    const keeper = local.anvil.account(KEEPER).address.toLowerCase()
    const sent = await transactionsOf(local, new Map([[keeper, 'one']]))
    expect(sent.slice(-2)).toMatchObject([
      { keeper: 'one', call: 'settle', leases: [id], effect: 'effective' },
      { keeper: 'one', call: 'settle', effect: 'no-op', waiting: false },
    ])
    expect(tallyOf(sent).find(({ effect }) => effect === 'no-op')).toMatchObject({ call: 'settle', count: 1 })
    expect(costlyNoOps(sent)).toEqual([])
  })

  it('without effect are findings when they cost more than a look', () => {
    const of = (effect: SentTransaction['effect'], gasUsed: bigint): SentTransaction => ({
      ...{ keeper: 'one', hash: '0x', call: 'settle', leases: ['0x1', '0x2'], effect, gasUsed },
      ...{ block: 1, node: 0, waiting: false },
    })
    const dear = [of('no-op', 80_001n), of('reverted', 90_000n)]
    expect(costlyNoOps([...dear, of('no-op', 80_000n), of('effective', 500_000n)])).toEqual(dear)
  })

  it('are a lost race when a stranger took the room, and findings when the keeper took it itself', () => {
    const assign = (block: number, effect: 'effective' | 'reverted', waiting: boolean): SentTransaction => ({
      ...{ keeper: 'one', hash: '0x', call: 'assign', leases: ['0x1'], node: 2, block, effect, waiting },
      gasUsed: 78_000n,
    })
    const late = assign(5, 'reverted', true)
    const own = assign(7, 'reverted', true)
    const again = assign(8, 'reverted', false)
    const sent = [assign(4, 'effective', false), late, assign(7, 'effective', false), own, again]
    expect(lostRaces(sent)).toEqual([late])
    expect(costlyNoOps(sent)).toEqual([own, again])
  })

  it('of a lease that waits are told from those of one that has a node', async () => {
    const terms = local.terms(TENANT, 0)
    await local.escrow(TENANT, 'open', [terms, '0x'])
    const wallet = local.anvil.wallet(KEEPER)
    const assign = async (node: number) => {
      const data = encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'assign', args: [terms, node] })
      const hash = await wallet.sendTransaction({ to: local.deployment.leaseEscrow, data, gas: 500_000n })
      await local.anvil.client.waitForTransactionReceipt({ hash })
    }
    for (const node of [99, 1, 1]) await assign(node)
    const keeper = local.anvil.account(KEEPER).address.toLowerCase()
    const sent = await transactionsOf(local, new Map([[keeper, 'one']]))
    const leases = [await local.idOf(terms)]
    expect(sent.slice(-3)).toMatchObject([
      { call: 'assign', effect: 'reverted', waiting: true, node: 99, leases },
      { call: 'assign', effect: 'effective', waiting: false, node: 1, leases },
      { call: 'assign', effect: 'reverted', waiting: false, node: 1, leases },
    ])
  })
})

describe('tables', () => {
  it('differ when one row does, in either direction', async () => {
    await local.open(TENANT, 1)
    const files: string[] = []
    for (let i = 0; i < 2; i++) {
      const dataDir = harness.freshFolder()
      const keeper = await harness.boot({ dataDir }, null)
      await keeper.synced()
      await keeper.close()
      files.push(join(dataDir, 'keeper.sqlite'))
    }
    const [left, right] = [files[0]!, files[1]!]
    const equal = tableDifferences(left, right)
    expect(equal.found).toEqual([])
    expect(equal.rows).toBeGreaterThan(5)
    const db = openDatabase(right)
    db.exec('DELETE FROM leases WHERE lease_id = (SELECT min(lease_id) FROM leases)')
    db.close()
    expect(tableDifferences(left, right).found).toMatchObject([{ table: 'leases', only: 'left' }])
    expect(tableDifferences(right, left).found).toMatchObject([{ table: 'leases', only: 'right' }])
  })
})

describe('chance', () => {
  it('is the same for the same seed, and an actor of its own for each name', () => {
    const draw = (seed: number, name: string) => {
      const random = makeRandom(seed).fork(name)
      return Array.from({ length: 20 }, () => random.between(0, 1_000))
    }
    expect(draw(5, 'a')).toEqual(draw(5, 'a'))
    expect(draw(5, 'a')).not.toEqual(draw(5, 'b'))
    expect(draw(5, 'a')).not.toEqual(draw(6, 'a'))
  })
})

describe('the command', () => {
  it.each([
    [['--kills', '0'], 'is not a whole number above 0'],
    [['web'], 'is nothing to crash. Known: keeper'],
  ])('refuses %j', (args, sentence) => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })
    expect(status).toBe(2)
    expect(stderr).toContain(sentence)
  })
})

describe('a long run', () => {
  const KILLS = KILLS_A_MARKET * 2 + 7
  const reportOf = ({ kills, seed }: CrashOptions, finding: unknown[] = []): CrashReport => ({
    ...{ seed, seconds: 3, leases: 10, load: {}, folder: null, unresolved: [], ok: finding.length === 0 },
    kills: { done: kills, hit: 1, byAim: { 'any time': kills }, byFate: { 'as it was': kills } },
    ends: { byReason: { Depleted: 10 }, lost: [] },
    transactions: [{ call: 'settle', effect: 'effective', count: 2, gas: 2n ** 60n }],
    lostRaces: { count: 1, gas: 5n },
    ...{ doubleSends: finding, auditDifferences: [], keeperDifferences: [] },
    figures: { auditedLeases: 10, auditedReads: 20, keeperTables: 4, keeperRows: 30 },
  })
  const runOf = (seed: number, resume: boolean, run: (options: CrashOptions) => CrashReport) =>
    runMarkets(
      {
        ...{ kills: KILLS, seed, resume, withinSeconds: 60, keep: false },
        ...{ signal: AbortSignal.timeout(60_000), onProgress: () => {} },
      },
      async (options) => run(options),
    )
  /** No two runs of this test share what is counted. */
  const newSeed = () => 2 ** 40 + Date.now()

  it('is a row of markets that makes all of its kills, each with a seed of its own', () => {
    expect(marketsOf(KILLS, 9)).toEqual([
      { kills: KILLS_A_MARKET, seed: 9 },
      { kills: KILLS_A_MARKET, seed: 10 },
      { kills: 7, seed: 11 },
    ])
    expect(marketsOf(10, 9)).toEqual([{ kills: 10, seed: 9 }])
  })

  it('goes on where it was broken off, and adds up what was counted before', async () => {
    const seed = newSeed()
    const begun: number[] = []
    const broken = runOf(seed, false, (options) => {
      begun.push(options.seed - seed)
      if (begun.length === 2) throw new Error('broken off')
      return reportOf(options)
    })
    await expect(broken).rejects.toThrow('broken off')
    const report = await runOf(seed, true, (options) => {
      begun.push(options.seed - seed)
      return reportOf(options)
    })
    expect(begun).toEqual([0, 1, 1, 2])
    expect(report).toMatchObject({
      ...{ ok: true, markets: 3, leases: 30, seed, lostRaces: { count: 3, gas: 15n } },
      kills: { done: KILLS, byAim: { 'any time': KILLS } },
      transactions: [{ call: 'settle', effect: 'effective', count: 6, gas: 3n * 2n ** 60n }],
    })
  })

  it('ends with the first market that has a finding, and counts that one again', async () => {
    const seed = newSeed()
    let begun = 0
    const run = (resume: boolean) =>
      runOf(seed, resume, (options) => {
        begun += 1
        return reportOf(options, options.seed === seed + 1 ? ['twice'] : [])
      })
    expect(await run(false)).toMatchObject({ ok: false, markets: 2, doubleSends: ['twice'] })
    expect(await run(true)).toMatchObject({ ok: false, markets: 2, doubleSends: ['twice'] })
    expect(begun).toBe(3)
  })
})
