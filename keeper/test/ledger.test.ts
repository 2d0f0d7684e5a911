import { join } from 'node:path'
import { type LeaseView, leaseEscrowAbi, leaseMandatesAbi } from '@decloud/protocol'
import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import { type Hex, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Life, makeLife } from '../../chain/test/life.ts'
import { AGENT, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { getJson, type Harness, makeHarness, until } from './harness.ts'

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const OTHER_TENANT = 5
const FINGERPRINT = toHex(7, { size: 32 })

let local: Local
let harness: Harness
let life: Life
const leases: Hex[] = []
const tenants = new Map<Hex, number>()

beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  for (let machine = 0; machine < 3; machine++) await local.register()
  life = await makeLife(local, OTHER_TENANT)
  await local.fund(TENANT, 10_000_000_000n)
  await local.fund(OTHER_TENANT, 10_000_000_000n)
})
afterAll(async () => {
  await harness?.close()
  await local?.stop()
})

// One random act on the market. Acts that the contracts refuse in the state of the moment are part of the history.
const act = fc.record({
  kind: fc.constantFrom(
    ...[
      'open',
      'open',
      'activate',
      'activate',
      'activate',
      'settle',
      'topUp',
      'close',
      'expire',
      'end',
      'withdraw',
    ],
    ...['deposit', 'withdrawEarned', 'time', 'time', 'prices', 'active', 'sealing', 'policy', 'empty'],
    ...['request', 'assign', 'templated', 'credit', 'credit', 'vote', 'chooseRelay', 'switchRelay'],
    ...['startReclaim', 'reclaim', 'releaseFee', 'autoRenew', 'renew', 'stack'],
  ),
  pick: fc.nat(1_000),
  amount: fc.bigInt(1n, 3_000_000n),
})
type Act = typeof act extends fc.Arbitrary<infer value> ? value : never

const note = (opened: Hex, tenant: number) => {
  leases.push(opened)
  tenants.set(opened, tenant)
}

const perform = async ({ kind, pick, amount }: Act) => {
  const lease = leases[pick % Math.max(leases.length, 1)] ?? toHex(0, { size: 32 })
  const tenant = pick % 2 === 0 ? TENANT : OTHER_TENANT
  const node = 1 + (pick % 2)
  switch (kind) {
    case 'open': {
      const terms = { deposit: 300_000n + amount, holdBack: pick % 120, activateWithin: 60 + (pick % 600) }
      return note(await local.open(tenant, 1, terms), tenant)
    }
    case 'activate':
      return local.escrow(AGENT, 'activate', [lease, FINGERPRINT])
    case 'settle':
      return local.escrow(9, 'settle', [leases.slice(-5)])
    case 'topUp':
      return local.escrow(tenant, 'topUp', [lease, amount])
    case 'close': {
      const to =
        pick % 3 === 0 ? local.anvil.account(8).address : '0x0000000000000000000000000000000000000000'
      return local.escrow(tenants.get(lease) ?? tenant, 'close', [lease, to])
    }
    case 'expire':
    case 'end':
      return local.escrow(9, kind, [lease])
    case 'deposit':
      return local.escrow(tenant, 'deposit', [amount])
    case 'withdraw':
      return local.escrow(tenant, 'withdraw', [local.anvil.account(tenant).address, amount / 3n + 1n])
    case 'withdrawEarned':
      return local.escrow(OPERATOR, 'withdrawEarned', [1, local.anvil.account(8).address, amount / 100n + 1n])
    case 'time':
      return local.anvil.moveTime(pick % 7 === 0 ? 80 * 3_600 : pick * 3)
    case 'prices': {
      const prices = { point: 10_000n + amount / 1_000n, memoryGiB: 5_000n, diskGiB: 100n, gpu: 100_000n }
      return local.registry(OPERATOR, 'setPrices', [node, prices])
    }
    case 'active':
      return local.registry(OPERATOR, 'setActive', [2, pick % 3 === 0])
    case 'sealing':
      return local.registry(OPERATOR, 'setSealingKey', [node, toHex(pick + 1, { size: 32 })])
    case 'policy':
      return local.setPolicy(pick % 2 === 0 ? [12, 8, 6, 3] : [12, 10, 5, 2], pick % 1_500)
    case 'request':
      return note(await life.request(tenant, { deposit: 300_000n + amount }), tenant)
    case 'assign': {
      const terms = life.requests[pick % Math.max(life.requests.length, 1)]
      return terms === undefined ? undefined : life.assign(terms, node)
    }
    case 'templated':
      return note(await local.open(tenant, 1, life.templated({ deposit: 400_000n + amount })), tenant)
    case 'stack':
      for (const opened of await life.openStack(tenant, 1, 2)) note(opened, tenant)
      return
    case 'credit':
    case 'vote':
      return life[kind](lease, 1 + (pick % 90))
    case 'chooseRelay':
      return life.chooseRelay(pick % 4 === 0 ? 0 : 2 + (pick % 2))
    case 'switchRelay':
      return life.switchRelay([lease], 1 + (pick % 3))
    case 'startReclaim':
    case 'reclaim':
    case 'releaseFee':
    case 'renew':
      return life[kind](lease)
    case 'autoRenew':
      return life.setAutoRenew(tenants.get(lease) ?? tenant, lease, amount, amount * 2n, pick * 10)
    default:
      return local.anvil.client.mine({ blocks: 1 + (pick % 3) })
  }
}

// The contract's own refusals are expected; anything else is a failure of the test.
const tolerant = async (step: Act) => {
  try {
    await perform(step)
  } catch (error) {
    if (!/revert/i.test(String(error))) throw error
  }
}

// One lease to each end, so that every run meets them all whatever the seed; then one that waits and one that runs.
const everyEnd = async () => {
  const open = () => local.open(TENANT, 1, { deposit: 300_000n })
  const nobody = '0x0000000000000000000000000000000000000000'
  const [closed, cancelled, expired, depleted] = [await open(), await open(), await open(), await open()]
  for (const id of [closed, depleted]) await local.escrow(AGENT, 'activate', [id, FINGERPRINT])
  await local.anvil.moveTime(300)
  await local.escrow(TENANT, 'close', [closed, local.anvil.account(8).address])
  await local.escrow(TENANT, 'close', [cancelled, nobody])
  await local.anvil.moveTime(1_000)
  await local.escrow(9, 'expire', [expired])
  await local.anvil.moveTime(100 * 3_600)
  await local.escrow(9, 'end', [depleted])
  await local.escrow(9, 'settle', [[closed, depleted]])
  await local.escrow(OPERATOR, 'withdrawEarned', [1, local.anvil.account(8).address, 1_000n])
  await open()
  await local.escrow(AGENT, 'activate', [await open(), FINGERPRINT])
  await beyondPaying()
}

// A relay that gave way to another, a template's fee that was paid and one that was held, credits before and after
// depletion and the end, a reclaim, a renewal, a request that waits and one that lapsed.
const beyondPaying = async () => {
  const running = async (change: Parameters<Local['open']>[2] = {}) => {
    const id = await local.open(TENANT, 1, { deposit: 300_000n, holdBack: 600, ...change })
    await local.escrow(AGENT, 'activate', [id, FINGERPRINT])
    return id
  }
  const lapsed = await life.request(TENANT)
  await local.anvil.moveTime(90_000)
  await local.escrow(9, 'expire', [lapsed])
  await life.request(TENANT)
  await local.open(TENANT, 3)
  // Dry inside the window of its template's fee: what is left of the window moves with the start.
  const revived = await running(life.templated({ deposit: 102_000n }))
  await local.anvil.moveTime(300)
  await local.escrow(TENANT, 'topUp', [revived, 200_000n])
  await life.chooseRelay(2)
  const [relayed, templated, dry, ended, reclaimed] = [
    ...[await running(), await running(life.templated()), await running({ holdBack: 86_400 })],
    ...[await running(life.templated()), await running()],
  ] as [Hex, Hex, Hex, Hex, Hex]
  await local.anvil.moveTime(3_000)
  await life.switchRelay([relayed], 3)
  await life.releaseFee(templated)
  await life.credit(relayed, 100)
  await local.escrow(TENANT, 'close', [ended, local.anvil.account(8).address])
  await life.vote(ended, 60)
  await life.startReclaim(reclaimed)
  await life.reclaim(reclaimed)
  await life.setAutoRenew(TENANT, relayed, 200_000n, 400_000n, 86_400)
  await local.escrow(TENANT, 'deposit', [1_000_000n])
  await life.renew(relayed)
  // The money of `dry` lasts eleven hours; what it held back of them has not vested yet.
  await local.anvil.moveTime(20 * 3_600)
  await local.escrow(9, 'settle', [[relayed, templated, dry, ended, reclaimed]])
  await life.credit(dry, 50)
}

describe('the ledger', () => {
  it(`equals contract storage after random histories, through reorgs (SEED=${seed})`, async () => {
    const keeper = await harness.boot()
    await keeper.synced()
    await everyEnd()
    await caughtUp(keeper)
    expect((await keeper.audit('all')).differences).toEqual([])
    for (const lease of keeper.ledger.allLeases()) await expectWhatTheAuditLeavesOut(lease)
    const kinds = keeper.ledger.allLeases().map((lease) => `${lease.status} ${lease.endReason}`)
    expect(new Set(kinds)).toEqual(
      new Set([
        ...['Ended ClosedByTenant', 'Ended Cancelled', 'Ended Expired', 'Ended Depleted'],
        ...['Ended ReclaimedByOperator', 'Requested None', 'Assigned None', 'Active None'],
      ]),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 30 }), fc.nat(4), async (history, depth) => {
        for (const step of history) await tolerant(step)
        if (depth > 0) {
          await local.reorg(depth)
          // Finality lags two blocks: a deeper reorg breaks it, and the feed is not live until finality is beyond that.
          await local.anvil.client.mine({ blocks: 4 })
        }
        await caughtUp(keeper)
        const audit = await keeper.audit('all')
        expect(audit.differences).toEqual([])
        expect(audit.outcome).toBe('equal')
      }),
      { seed, numRuns: 10, endOnFailure: true },
    )
    for (const lease of keeper.ledger.allLeases()) await expectWhatTheAuditLeavesOut(lease)
    const fresh = await harness.boot()
    await caughtUp(fresh)
    expect(fresh.ledger.allLeases()).toEqual(keeper.ledger.allLeases())
    expect(fresh.ledger.nodes()).toEqual(keeper.ledger.nodes())
    expect(fresh.ledger.earned()).toEqual(keeper.ledger.earned())
  }, 120_000)

  it('takes back what a reorg removed', async () => {
    const keeper = await harness.boot()
    await keeper.synced()
    const leaseId = await local.open(TENANT, 1)
    await until(() => keeper.ledger.lease(leaseId) !== undefined, 'indexed')
    await local.reorg(1)
    await until(() => keeper.ledger.lease(leaseId) === undefined, 'rolled back')
    expect((await getJson(`${keeper.url}/api/leases/${leaseId}`)).status).toBe(404)
    expect((await keeper.audit('all')).outcome).toBe('equal')
  })

  it('finds and repairs a ledger that differs: by folding anew, or by reading the chain anew', async () => {
    const live = await local.open(TENANT, 1)
    const dataDir = harness.freshFolder()
    const keeper = await harness.boot({ dataDir })
    await keeper.synced()
    const db = new Sqlite(join(dataDir, 'keeper.sqlite'))
    try {
      db.prepare("UPDATE leases SET price_per_hour = '9' || price_per_hour").run()
      const folded = await keeper.audit('all')
      expect(folded.outcome).toBe('refolded')
      expect(folded.differences[0]).toMatchObject({ entity: 'lease', field: 'pricePerHour' })
      db.prepare('DELETE FROM feed_logs WHERE topic1 = ?').run(live)
      db.prepare('DELETE FROM leases WHERE lease_id = ?').run(live)
      db.prepare('UPDATE nodes SET active = 1 - active').run()
      expect((await keeper.audit('all')).outcome).toBe('resynced')
      expect(keeper.ledger.lease(live)).toBeDefined()
    } finally {
      db.close()
    }
  })

  it('knows the grace after depletion that the contract has', async () => {
    const { DEPLETED_GRACE } = await import('@decloud/protocol/upkeep')
    const grace = await local.anvil.client.readContract({
      address: local.deployment.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'DEPLETED_GRACE',
    })
    expect(BigInt(DEPLETED_GRACE)).toBe(grace)
  })
})

/** A notice, a template's fee and a renewal have views of their own. */
const expectWhatTheAuditLeavesOut = async ({ leaseId, reclaimAt, templateFee, renewal }: LeaseView) => {
  const { leaseEscrow, leaseMandates } = local.deployment
  const escrow = { address: leaseEscrow, abi: leaseEscrowAbi, args: [leaseId] } as const
  const { client } = local.anvil
  expect(await client.readContract({ ...escrow, functionName: 'reclaimableFrom' })).toBe(BigInt(reclaimAt))
  const [author, held, window] = await client.readContract({ ...escrow, functionName: 'templateFeeOf' })
  const stored = { author, held: BigInt(held), refundWindow: window }
  if (templateFee === null) expect(stored.held).toBe(0n)
  else expect(templateFee).toMatchObject(stored)
  const mandates = { address: leaseMandates, abi: leaseMandatesAbi, args: [leaseId] } as const
  expect(await client.readContract({ ...mandates, functionName: 'renewalOf' })).toEqual(renewal)
}

const caughtUp = async (keeper: { url: string }) => {
  const head = await local.anvil.client.getBlock({ blockTag: 'latest' })
  await until(async () => {
    const { body } = await getJson(`${keeper.url}/health`)
    return body['status'] === 'ok' && body['indexed'] === String(head.number)
  }, 'caught up')
}
