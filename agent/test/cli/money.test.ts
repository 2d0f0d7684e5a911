// What an operator changes, and the money: against a real escrow, to the unit, also when a command dies half-way.
import { writeFile } from 'node:fs/promises'
import { leaseEscrowAbi, nodeRegistryAbi } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { OPERATOR, TENANT } from '../../../chain/test/local.ts'
import { audit } from '../../../scripts/audit/audit.ts'
import { type Bench, CAPACITY, makeOperatorBench } from './operator-bench.ts'

const NODE = 1
const RECIPIENT: Hex = `0x${'5e'.repeat(20)}`
const REFUNDS: Hex = `0x${'9b'.repeat(20)}`
const STRANGER = 4
const amount = z.string().regex(/^\d+$/).transform(BigInt)
const prices = z.strictObject({ point: amount, memoryGiB: amount, diskGiB: amount, gpu: amount })
const hash = z.string().regex(/^0x[0-9a-f]{64}$/)
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/)
const transactions = z.array(z.strictObject({ kind: z.string(), transaction: hash }))
const capacity = z.strictObject({ pointUnits: amount, memoryMiB: amount, diskGiB: amount, gpus: z.int() })
const totals = z.strictObject({
  ...{ due: amount, settled: amount, platform: amount, relays: amount, earned: amount, settleable: amount },
  ...{ accrued: amount, withdrawn: amount, withdrawable: amount, earnedSince: amount },
})

/** What each verb says under --json, and nothing besides. */
const SCHEMAS = {
  priceGet: z.strictObject({ node: z.int(), own: z.boolean(), prices, floors: prices, defaults: prices }),
  priceSet: z.strictObject({
    node: z.int(),
    changed: z.boolean(),
    prices,
    transactions: transactions.optional(),
  }),
  profileGet: z.strictObject({
    ...{ node: z.int(), description: z.string(), tags: z.array(z.string()), endpoint: z.string() },
    ...{ region: z.string(), minCharge: z.int(), notice: z.int() },
  }),
  profileSet: z.strictObject({
    ...{ node: z.int(), changed: z.boolean(), description: z.string(), tags: z.array(z.string()) },
    ...{ endpoint: z.string(), minCharge: z.int(), notice: z.int(), transactions: transactions.optional() },
  }),
  active: z.strictObject({
    ...{ node: z.int(), active: z.boolean(), changed: z.boolean(), leases: z.int().optional() },
    ...{ lastEndsAt: z.int().nullable().optional(), transactions: transactions.optional() },
  }),
  earnings: z.strictObject({
    ...{ node: z.int(), block: amount, asOf: z.int(), since: z.int(), totals },
    leases: z.array(
      z.strictObject({
        ...{ leaseId: hash, tenant: address, status: z.string(), endReason: z.string(), role: z.string() },
        ...{ pricePerHour: amount, startedAt: z.int(), endedAt: z.int(), runsOutAt: z.int(), due: amount },
        ...{ settled: amount, platform: amount, relays: amount, earned: amount, settleable: amount },
        ...{ accrued: amount, earnedSince: amount },
      }),
    ),
    withdrawals: z.array(
      z.strictObject({
        ...{ at: z.int(), block: amount, transaction: hash, to: address, amount, withdrawn: amount },
      }),
    ),
  }),
  withdraw: z.strictObject({
    ...{ node: z.int(), to: address, earned: amount, balance: amount, settles: z.int() },
    ...{ transactions: transactions.optional(), dryRun: z.literal(true).optional() },
  }),
  status: z.strictObject({
    ...{ health: z.null(), leases: z.array(z.never()), agentError: z.string(), chainError: z.null() },
    chain: z.strictObject({
      ...{
        node: z.int(),
        nodeId: hash,
        block: amount,
        asOf: z.int(),
        active: z.boolean(),
        operator: address,
      },
      ...{
        agent: address,
        payee: address.nullable(),
        entrusted: z.boolean().nullable(),
        prices,
        ownPrices: z.boolean(),
        capacity,
        inUse: capacity,
      },
      ...{
        gas: z.strictObject({ agent: amount, operator: amount }),
        earnings: totals,
        balanced: z.literal(true),
      },
      leases: z.array(
        z.strictObject({
          ...{ leaseId: hash, tenant: address, status: z.string(), pricePerHour: amount, startedAt: z.int() },
          ...{ runsOutAt: z.int(), runwaySeconds: z.int().nullable() },
        }),
      ),
    }),
  }),
} as const

describe('an operator', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeOperatorBench()
    await bench.run(['init', '--operator-password-file', bench.file('password')])
    // 5 % go to the platform: cuts and roundings are part of the books.
    await bench.local.setPolicy([12, 8, 6, 3], 500)
    const agent = bench.anvil.account(3).address
    const args = ['register', '--agent', agent, '--machine-id', 'm1', '--without-probe', '--yes', ...CAPACITY]
    const registered = await bench.run(args)
    expect(registered.code, registered.err).toBe(0)
  })
  afterAll(() => bench?.stop())

  const says = async <name extends keyof typeof SCHEMAS>(
    name: name,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<z.output<(typeof SCHEMAS)[name]>> => {
    const ran = await bench.run([...args, '--json'], env)
    expect(ran.code, ran.err).toBe(0)
    expect(ran.out.trim().split('\n')).toHaveLength(1)
    // The schema of that name: TypeScript does not follow an indexed union through `parse`.
    return SCHEMAS[name].parse(ran.json) as z.output<(typeof SCHEMAS)[name]>
  }
  const refused = async (args: readonly string[], env: Record<string, string> = {}) => {
    const stranger = bench.anvil.account(STRANGER).address
    const before = [await bench.nonce(), await bench.nonce(stranger)]
    const { code, json } = await bench.run([...args, '--json'], env)
    expect([await bench.nonce(), await bench.nonce(stranger)]).toEqual(before)
    const error = json['error'] as { code: string; message: string; hint: string }
    return { exit: code, code: error.code, sentence: `${error.message} ${error.hint}` }
  }
  const wrongKey = () => ({ DECLOUD_OPERATOR_KEY: bench.keyOf(STRANGER) })
  const offer = () =>
    bench.anvil.client.readContract({
      ...{
        address: bench.deployment.nodeRegistry,
        abi: nodeRegistryAbi,
        functionName: 'offer',
        args: [NODE],
      },
    })
  const escrow = (functionName: 'earnedOf') =>
    bench.anvil.client.readContract({
      ...{ address: bench.deployment.leaseEscrow, abi: leaseEscrowAbi, functionName, args: [NODE] },
    })

  it('asks prices of its own, never under the floor, and each only once', async () => {
    const first = await says('priceGet', ['price', 'get'])
    expect(first).toMatchObject({ own: false, prices: first.defaults })
    const set = await says('priceSet', ['price', 'set', '--price-point', '0.02'])
    const wanted = { ...first.defaults, point: 20_000n }
    expect(set).toMatchObject({ changed: true, prices: wanted })
    expect((await offer()).prices).toEqual(wanted)
    const nonce = await bench.nonce()
    expect(await says('priceSet', ['price', 'set', '--price-point', '0.02'])).toMatchObject({
      changed: false,
    })
    expect(await bench.nonce()).toBe(nonce)
    const low = await refused(['price', 'set', '--price-gpu', '0.049999'])
    expect(low).toMatchObject({ exit: 1, code: 'price-below-floor' })
    expect(low.sentence).toContain('0.049999 USDC an hour for a GPU is below the floor of 0.05')
    expect(await refused(['price', 'set'])).toMatchObject({ exit: 2 })
    expect(await refused(['price', 'set', '--default', '--price-gpu', '1'])).toMatchObject({
      exit: 2,
      sentence: expect.stringContaining('--default and --price-gpu contradict'),
    })
    const strange = await refused(['price', 'set', '--price-point', '0.03'], wrongKey())
    expect(strange).toMatchObject({
      exit: 1,
      code: 'simulation-reverted',
      sentence: expect.stringContaining('operator of node 1'),
    })
    await says('priceSet', ['price', 'set'], { DECLOUD_PRICE_DISK: '0.0002' })
    expect((await offer()).prices).toEqual({ ...wanted, diskGiB: 200n })
    await says('priceSet', ['price', 'set', '--default'])
    expect(await says('priceGet', ['price', 'get'])).toMatchObject({ own: false })
  })

  it('spends on gas what the configuration allows, and no more', async () => {
    const { baseFeePerGas } = await bench.anvil.client.getBlock()
    await bench.anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: 3n * 10n ** 9n })
    await bench.anvil.client.mine({ blocks: 1 })
    const dear = await refused(['price', 'set', '--price-point', '0.04', '--max-fee-gwei', '1'])
    expect(dear).toMatchObject({ exit: 1, code: 'fee-cap' })
    await bench.anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: baseFeePerGas! })
    await bench.anvil.client.mine({ blocks: 1 })
  })

  it('describes its node, and sends only what changes', async () => {
    const line = ['profile', 'set', '--description', 'In a cellar in Lyon', '--tags', 'NVMe, green,green']
    const set = await says('profileSet', [...line, '--endpoint', 'https://node.example', '--notice', '7200'])
    expect(set.transactions?.map(({ kind }) => kind)).toEqual(['setProfile', 'setEndpoint', 'setTerms'])
    expect(await says('profileGet', ['profile', 'get'])).toMatchObject({
      ...{ description: 'In a cellar in Lyon', tags: ['nvme', 'green'], endpoint: 'https://node.example' },
      ...{ minCharge: 60, notice: 7_200 },
    })
    expect(await says('profileSet', line)).toMatchObject({ changed: false })
    const part = await says('profileSet', ['profile', 'set', '--tags', ''])
    expect(part.transactions?.map(({ kind }) => kind)).toEqual(['setProfile'])
    expect((await says('profileGet', ['profile', 'get'])).tags).toEqual([])
    expect(await refused(['profile', 'set', '--tags', 'x'.repeat(33)])).toMatchObject({ exit: 2 })
    expect(await refused(['profile', 'set', '--description', 'é'.repeat(501)])).toMatchObject({ exit: 2 })
    await says('profileSet', ['profile', 'set', '--notice', '0'])
  })

  it('drains, says when the last lease ends, and resumes', async () => {
    expect(await says('active', ['drain'])).toMatchObject({
      active: false,
      changed: true,
      leases: 0,
      lastEndsAt: null,
    })
    expect((await offer()).active).toBe(false)
    expect(await says('active', ['drain'])).toMatchObject({ active: false, changed: false })
    expect(await refused(['resume'], wrongKey())).toMatchObject({ exit: 1, code: 'simulation-reverted' })
    expect(await says('active', ['resume'])).toMatchObject({ active: true, changed: true })
    const leaseId = await bench.lease(NODE)
    const runsOutAt = await bench.anvil.client.readContract({
      ...{ address: bench.deployment.leaseEscrow, abi: leaseEscrowAbi },
      ...{ functionName: 'runsOutAt', args: [leaseId] },
    })
    expect(await says('active', ['drain'])).toMatchObject({ leases: 1, lastEndsAt: Number(runsOutAt) })
    await bench.local.escrow(TENANT, 'close', [leaseId, bench.anvil.account(TENANT).address])
    expect(await says('active', ['resume'])).toMatchObject({ active: true })
  })

  it('has books that agree with escrow and audit to the unit, and takes all of it out', async () => {
    const [a, b] = [
      await bench.lease(NODE),
      await bench.lease(NODE, { vcpus: 3, memoryMiB: 1_536, diskGiB: 7 }),
    ]
    await bench.anvil.moveTime(1_237)
    await bench.local.escrow(STRANGER, 'settle', [[a]])
    await bench.anvil.moveTime(601)
    const before = await says('earnings', ['earnings'])
    const { totals } = before
    expect(totals.settled).toBe(totals.earned + totals.platform)
    expect(totals.earned).toBe(totals.withdrawable + totals.withdrawn)
    expect(totals.withdrawable).toBe(await escrow('earnedOf'))
    expect(totals.settleable).toBeGreaterThan(0n)
    expect(totals.accrued).toBeGreaterThan(totals.settleable)
    expect(before.leases.reduce((sum, { earned }) => sum + earned, 0n)).toBe(totals.earned)

    const dry = await says('withdraw', ['withdraw', '--dry-run', '--to', RECIPIENT])
    expect(dry).toMatchObject({ dryRun: true, earned: totals.withdrawable + totals.settleable, settles: 2 })
    expect(await bench.usdcOf(RECIPIENT)).toBe(0n)
    expect(await refused(['withdraw', '--to', RECIPIENT])).toMatchObject({
      exit: 2,
      sentence: expect.stringContaining('--yes'),
    })
    expect(await refused(['withdraw', '--yes'], wrongKey())).toMatchObject({ exit: 1, code: 'not-payee' })
    expect(await refused(['withdraw', '--yes', '--amount', '9999'])).toMatchObject({
      exit: 1,
      code: 'amount-too-high',
    })
    expect(await refused(['withdraw', '--yes', '--to', '0x12'])).toMatchObject({ exit: 2 })
    for (const amount of ['1e3', '-1', '0.0000001', '']) {
      expect(await refused(['withdraw', '--yes', '--amount', amount]), amount).toMatchObject({
        exit: 2,
        sentence: expect.stringContaining('--amount takes an amount of USDC'),
      })
    }
    const escrowItself = ['withdraw', '--yes', '--to', bench.deployment.leaseEscrow]
    expect(await refused([...escrowItself, '--settled'])).toMatchObject({
      exit: 1,
      code: 'simulation-reverted',
    })

    const some = await says('withdraw', [
      'withdraw',
      '--yes',
      '--settled',
      '--amount',
      '0.001',
      '--to',
      RECIPIENT,
    ])
    expect(some).toMatchObject({ earned: 1_000n, balance: 0n, settles: 0 })
    expect(await bench.usdcOf(RECIPIENT)).toBe(1_000n)
    const all = await says('withdraw', ['withdraw', '--yes', '--to', RECIPIENT])
    expect(all.transactions?.map(({ kind }) => kind)).toEqual(['settle', 'withdrawEarned'])
    expect(await bench.usdcOf(RECIPIENT)).toBe(1_000n + all.earned)

    const after = await says('earnings', ['earnings'])
    expect(after.totals.withdrawn).toBe(1_000n + all.earned)
    expect(after.totals.earned).toBe(after.totals.withdrawn + after.totals.withdrawable)
    expect(after.withdrawals.map(({ amount }) => amount)).toEqual([1_000n, all.earned])
    const { differences, obligations, donated } = await audit({
      ...{ deployment: bench.deployment, rpcUrl: bench.anvil.rpcUrl, at: 'latest', onProgress: () => {} },
    })
    expect(differences).toEqual([])
    expect(await bench.usdcOf(bench.deployment.leaseEscrow)).toBe(obligations + donated)
    for (const id of [a, b]) await bench.local.escrow(TENANT, 'close', [id, REFUNDS])
  })

  it('says what came since a day, and writes it down for an accountant', async () => {
    const { asOf, totals } = await says('earnings', ['earnings'])
    const moment = new Date((asOf + 1) * 1_000).toISOString().replace('.000Z', 'Z')
    await bench.anvil.moveTime(5)
    const leaseId = await bench.lease(NODE)
    await bench.anvil.moveTime(300)
    await bench.local.escrow(STRANGER, 'settle', [[leaseId]])
    const since = await says('earnings', ['earnings', '--since', moment])
    expect(since.totals.earnedSince).toBe(since.totals.earned - totals.earned)
    expect(since.totals.earnedSince).toBeGreaterThan(0n)
    expect(since.withdrawals).toEqual([])
    const { out } = await bench.run(['earnings', '--csv'])
    const [head = '', ...lines] = out.trim().split('\r\n')
    const column = head.split(',').indexOf('earned_micro_usdc')
    const sum = lines.reduce((total, line) => total + BigInt(line.split(',')[column]!), 0n)
    expect(sum).toBe(since.totals.earned)
    expect(lines).toHaveLength(since.leases.length)
    expect(await refused(['earnings', '--since', 'yesterday'])).toMatchObject({ exit: 2 })
    await bench.local.escrow(TENANT, 'close', [leaseId, REFUNDS])
  })

  it('sees its node also while the agent is down, and says that it is', async () => {
    const leaseId = await bench.lease(NODE)
    await writeFile(bench.file('data/operator-token'), `dco_${'x'.repeat(43)}\n`, { mode: 0o600 })
    const { code, json } = await bench.run(['status', '--json', '--api-port', '1'])
    expect(code).toBe(1)
    const status = SCHEMAS.status.parse(json)
    expect(status.agentError).toContain('No agent answers')
    expect(status.chain).toMatchObject({ node: NODE, active: true })
    const [lease] = status.chain.leases
    expect(lease).toMatchObject({ leaseId, status: 'Active' })
    expect(lease?.runwaySeconds).toBeGreaterThan(0)
    expect(status.chain.inUse.memoryMiB).toBe(1_024n)
    await bench.local.escrow(TENANT, 'close', [leaseId, REFUNDS])
  })

  it('prints calldata that a key elsewhere signs to the same end', async () => {
    const env = { DECLOUD_OPERATOR_KEY: '', DECLOUD_OPERATOR_ADDRESS: bench.address }
    const ran = await bench.run(['price', 'set', '--price-point', '0.05', '--unsigned', '--json'], env)
    expect(ran.code, ran.err).toBe(0)
    const [call] = ran.json['unsigned'] as [{ to: Hex; data: Hex; from: Hex }]
    expect(call.from).toBe(bench.address)
    expect((await offer()).prices.point).toBe(0n)
    const tx = await bench.anvil.wallet(OPERATOR).sendTransaction({ to: call.to, data: call.data })
    await bench.anvil.client.waitForTransactionReceipt({ hash: tx, timeout: 20_000 })
    expect((await offer()).prices.point).toBe(50_000n)
    const refusedElsewhere = await refused(['drain', '--unsigned'], {
      ...env,
      DECLOUD_OPERATOR_ADDRESS: RECIPIENT,
    })
    expect(refusedElsewhere.sentence).toContain('operator of node 1')
  })
})
