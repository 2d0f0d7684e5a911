// Whose part of a lease is whose: relays of then and now, and a payee that is a contract.
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OPERATOR, TENANT } from '../../../chain/test/local.ts'
import { type Bench, makeOperatorBench } from './operator-bench.ts'

const RECIPIENT: Hex = `0x${'7a'.repeat(20)}`
const SECOND_AGENT = 102
const THIRD_AGENT = 103

type Totals = Record<'earned' | 'withdrawable' | 'withdrawn' | 'settled' | 'platform' | 'relays', string>
type Said = { totals: Totals; leases: { leaseId: Hex; role: string; earned: string; relays: string }[] }

describe('the parts of a lease', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeOperatorBench()
    const { local, anvil } = bench
    await local.setPolicy([12, 8, 6, 3], 700)
    for (const _ of [1, 2, 3]) await local.register()
    for (const agent of [SECOND_AGENT, THIRD_AGENT]) {
      await anvil.client.setBalance({ address: anvil.account(agent).address, value: 10n ** 18n })
    }
    for (const relay of [1, 3]) await local.registry(OPERATOR, 'setRelayOffer', [relay, 10])
    await local.registry(OPERATOR, 'chooseRelay', [2, 1])
  })
  afterAll(() => bench?.stop())

  const earningsOf = async (node: number): Promise<Said> => {
    const { code, err, json } = await bench.run(['earnings', '--node', String(node), '--json'])
    expect(code, err).toBe(0)
    return json as Said
  }
  const agrees = ({ totals }: Said) =>
    expect(BigInt(totals.earned)).toBe(BigInt(totals.withdrawable) + BigInt(totals.withdrawn))

  it('counts what it relays, before and after the node behind it goes to another', async () => {
    const { local, anvil } = bench
    const behind = await bench.lease(2, { vcpus: 3, memoryMiB: 1_300 }, SECOND_AGENT)
    // A relay has to have run a lease before anybody can switch to it.
    const other = await bench.lease(3, {}, THIRD_AGENT)
    await anvil.moveTime(1_000)
    await local.escrow(TENANT, 'settle', [[behind, other]])
    const first = await earningsOf(1)
    agrees(first)
    expect(first.leases).toMatchObject([{ leaseId: behind, role: 'relay' }])
    expect(BigInt(first.totals.earned)).toBeGreaterThan(0n)
    expect(first.leases[0]!.earned).toBe(first.leases[0]!.relays)

    await local.escrow(SECOND_AGENT, 'switchRelay', [[behind], 3])
    await anvil.moveTime(777)
    await local.escrow(TENANT, 'settle', [[behind]])
    const [former, node, present] = [await earningsOf(1), await earningsOf(2), await earningsOf(3)]
    for (const said of [former, node, present]) agrees(said)
    const partOf = ({ leases }: Said) => BigInt(leases.find(({ leaseId }) => leaseId === behind)!.earned)
    const { settled, platform } = node.totals
    expect(partOf(former) + partOf(node) + partOf(present)).toBe(BigInt(settled) - BigInt(platform))
    expect(partOf(former)).toBeGreaterThan(BigInt(first.totals.earned) - 1n)
    expect(partOf(present)).toBeGreaterThan(0n)
    expect(present.leases.find(({ leaseId }) => leaseId === behind)).toMatchObject({ role: 'relay' })
  })

  it('takes its earnings out through Payouts, where those are the payee', async () => {
    const { anvil, local, deployment } = bench
    await local.escrow(OPERATOR, 'proposePayee', [2, deployment.payouts])
    await local.call(OPERATOR, 'payouts', 'enroll', [2, bench.address])
    const entrust = await bench.run(['entrust', '--node', '2', '--json'])
    expect(entrust, entrust.err).toMatchObject({
      code: 0,
      json: { changed: true, operator: anvil.account(SECOND_AGENT).address },
    })
    expect(await bench.run(['entrust', '--node', '2', '--json'])).toMatchObject({ json: { changed: false } })
    const strange = { DECLOUD_OPERATOR_KEY: bench.keyOf(TENANT) }
    const line = ['withdraw', '--node', '2', '--to', RECIPIENT, '--yes', '--json']
    expect((await bench.run(line, strange)).json).toMatchObject({ error: { code: 'not-payee' } })
    const ran = await bench.run(line)
    expect(ran.code, ran.err).toBe(0)
    const kinds = (ran.json['transactions'] as { kind: string }[]).map(({ kind }) => kind)
    expect(kinds.at(-1)).toBe('withdraw')
    expect(await bench.usdcOf(RECIPIENT)).toBe(BigInt(ran.json['earned'] as string))
    expect(await bench.usdcOf(RECIPIENT)).toBeGreaterThan(0n)
    agrees(await earningsOf(2))
  })
})
