// The journal against RPCs that err, chains that go back, and a database that is older than the chain.
import { leaseEscrowAbi, MIN_PRIORITY_FEE } from '@decloud/protocol'
import { encodeFunctionData, type Hex } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeChain } from '../src/index.ts'
import { firstFees, marketFees, replacementFees } from '../src/journal/fees.ts'
import { type JournalBench, makeJournalBench, until } from './journal-bench.ts'
import { type Local, OPERATOR, startLocal, TENANT } from './local.ts'

let local: Local
let bench: JournalBench
const GWEI = 10n ** 9n

beforeAll(async () => {
  local = await startLocal()
  await local.register()
  await local.fund(TENANT, 1_000_000_000n)
})
afterAll(() => local?.stop())
afterEach(() => bench?.close())

const automine = (on: boolean) => local.anvil.client.setAutomine(on)
const reorg = (depth: number) =>
  local.anvil.client.request({ method: 'anvil_reorg' as 'anvil_reset', params: [depth, []] as never })
const pool = () => local.anvil.client.getTxpoolContent()
/** Until the node has a transaction with that calldata: what is only written is in no block yet. */
const pooled = (data: Hex) =>
  until(async () => JSON.stringify(await pool()).includes(data.slice(2)), 'in the pool')
const rawsOf = (kind: string) =>
  bench
    .db()
    .prepare(
      'SELECT raw FROM tx_attempts JOIN tx_intents ON id = intent_id WHERE kind = ? ORDER BY tx_attempts.rowid',
    )
    .all(kind)
    .map((row) => (row as { raw: Hex }).raw)

describe('answers that mislead', () => {
  it('takes "already known" for what it is', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open()
    const before = await bench.balance()
    bench.onRaw(async (raw) => {
      await local.anvil.client.sendRawTransaction({ serializedTransaction: raw })
      return { error: { code: -32000, message: 'already known' } }
    })
    await journal.send(bench.deposit(3n))
    expect(await bench.balance()).toBe(before + 3n)
    expect(rawsOf('deposit')).toHaveLength(1)
  })

  it('sends nothing twice when the answer to a broadcast is lost and the next is "nonce too low"', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open()
    const before = await bench.balance()
    bench.onRaw(async (raw, nth) => {
      if (nth === 1) await local.anvil.client.sendRawTransaction({ serializedTransaction: raw })
      return nth === 1 ? 'refuse' : { error: { code: -32000, message: 'nonce too low' } }
    })
    expect((await journal.send(bench.deposit(5n))).replaced).toBe(0)
    expect(await bench.balance()).toBe(before + 5n)
  })

  it('gives a nonce back that the chain says is used, and says that the RPC lags', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open()
    const before = await bench.balance()
    const stale = (await bench.nonce()) - 1
    bench.proxy.judge = ({ method }) =>
      method === 'eth_getTransactionCount' ? { answer: `0x${stale.toString(16)}` } : 'forward'
    await expect(journal.send(bench.deposit(7n))).rejects.toMatchObject({
      code: 'rpc-behind',
      retryable: true,
    })
    expect(journal.find('deposit 7')?.state).toBe('abandoned')
    bench.proxy.judge = () => 'forward'
    await journal.send(bench.deposit(7n))
    expect(await bench.balance()).toBe(before + 7n)
  })

  it('waits for a transaction of its own key that the journal does not know, and only then looks what it may do', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open()
    const { data, to } = bench.deposit(10n)
    const wallet = local.anvil.wallet(TENANT)
    await wallet.sendTransaction({ to, data, gas: 300_000n })
    const rest = await bench.balance()
    await automine(false)
    // All of it, to itself: what is asked for next is possible only as long as that is not mined.
    const withdrawal = (amount: bigint) =>
      encodeFunctionData({
        abi: leaseEscrowAbi,
        functionName: 'withdraw',
        args: [bench.account.address, amount],
      })
    await wallet.sendTransaction({ to, data: withdrawal(rest), gas: 300_000n })
    const dedupe = 'withdraw 1'
    const sent = journal
      .send({ kind: 'withdraw', dedupe, to, data: withdrawal(1n) })
      .catch((error: Error) => error)
    const counts = () => bench.proxy.calls.filter((method) => method === 'eth_getTransactionCount').length
    await until(() => counts() > 6, 'looked again and again')
    expect(journal.find(dedupe)).toBeUndefined()
    await bench.mine(1)
    expect(await sent).toMatchObject({ code: 'simulation-reverted' })
    expect(journal.find(dedupe)).toBeUndefined()
    // Once: from here on everything that is pooled is its own.
    await automine(true)
    await journal.send(bench.deposit(9n))
    expect(await bench.balance()).toBe(9n)
  })

  it('outbids a transaction of its own key that the journal does not know, when it is not mined in time', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open({ replaceAfterMs: 200 })
    await automine(false)
    const before = await bench.balance()
    const { data, to } = bench.deposit(1_000n)
    const fees = { maxFeePerGas: 5n * GWEI, maxPriorityFeePerGas: 2n * GWEI }
    await local.anvil.wallet(TENANT).sendTransaction({ to, data, gas: 300_000n, ...fees })
    const sent = journal.send(bench.deposit(11n))
    await until(() => rawsOf('deposit').length > 2, 'raised')
    await until(async () => JSON.stringify(await pool()).includes(data.slice(2)) === false, 'displaced')
    await bench.mine(1)
    await sent
    expect(await bench.balance()).toBe(before + 11n)
  })

  it('goes on with a raised price when its first one is below the base fee of today', async () => {
    bench = await makeJournalBench(local)
    bench.onRaw(() => 'refuse')
    const before = await bench.balance()
    const first = bench.open()
    const sent = first.send(bench.deposit(13n)).catch((error: { code: string }) => error.code)
    await until(() => first.inFlight().length === 1, 'written')
    await bench.closeJournal()
    expect(await sent).toBe('journal-closed')
    await local.anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: 50n * GWEI })
    await bench.mine(1)
    bench.onRaw(() => 'forward')
    const journal = bench.open()
    await journal.recover()
    await until(() => journal.find('deposit 13')?.state === 'mined', 'mined')
    expect(await bench.balance()).toBe(before + 13n)
    expect(rawsOf('deposit').length).toBeGreaterThan(1)
  })

  it('abandons what every node refuses, and keeps what one may have', async () => {
    bench = await makeJournalBench(local, 2)
    const journal = bench.open()
    const before = await bench.balance()
    bench.onRaw(() => ({ error: { code: -32000, message: 'exceeds block gas limit' } }))
    await expect(journal.send(bench.deposit(17n))).rejects.toMatchObject({ code: 'rpc-refused' })
    expect(journal.find('deposit 17')?.state).toBe('abandoned')
    // The second RPC takes it and dies before it can say so.
    bench.onRaw(() => ({ error: { code: -32000, message: 'exceeds block gas limit' } }))
    bench.rpcs[1]!.judge = async ({ method, params }) => {
      if (method !== 'eth_sendRawTransaction') return 'forward'
      await local.anvil.client.sendRawTransaction({ serializedTransaction: params![0] as Hex })
      return 'refuse'
    }
    await journal.send(bench.deposit(19n))
    expect(await bench.balance()).toBe(before + 19n)
    expect(journal.find('deposit 19')?.state).toBe('mined')
  })
})

describe('nonces that would block', () => {
  it('cancels what no node will ever take, and those behind get through', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open()
    const before = await bench.balance()
    let poison: Hex | undefined
    bench.onRaw((raw) => {
      poison ??= raw
      if (raw !== poison) return 'forward'
      return { error: { code: -32603, message: 'internal error' } }
    })
    const stuck = journal.send(bench.deposit(23n)).catch((error: { code: string }) => error.code)
    await until(() => poison !== undefined, 'sent')
    const behind = journal.send(bench.deposit(29n))
    bench.onRaw((raw) =>
      raw === poison ? { error: { code: -32000, message: 'intrinsic gas too low' } } : 'forward',
    )
    await behind
    expect(await stuck).toBe('tx-cancelled')
    expect(await bench.balance()).toBe(before + 29n)
    await bench.mine(3)
    await until(() => journal.inFlight().length === 0, 'final')
    expect(journal.find('deposit 23')?.state).toBe('abandoned')
  })

  it('fills a gap that a cut database left, so that what waits behind it is mined', async () => {
    bench = await makeJournalBench(local)
    const first = bench.open()
    const before = await bench.balance()
    let swallowed: Hex | undefined
    bench.onRaw((raw) => {
      swallowed ??= raw
      return raw === swallowed ? bench.swallowed(raw) : 'forward'
    })
    const lost = first.send(bench.deposit(31n)).catch(() => null)
    await until(() => swallowed !== undefined, 'first')
    const waiting = first.send(bench.deposit(37n)).catch(() => null)
    await until(() => first.inFlight().length === 2, 'second')
    await bench.closeJournal()
    await Promise.all([lost, waiting])
    const { id } = first.find('deposit 31')!
    bench.db().prepare('DELETE FROM tx_attempts WHERE intent_id = ?').run(id)
    bench.db().prepare('DELETE FROM tx_intents WHERE id = ?').run(id)
    const journal = bench.open()
    await journal.recover()
    await until(() => journal.find('deposit 37')?.state === 'mined', 'mined')
    expect(await bench.balance()).toBe(before + 37n)
  })
})

describe('a chain that goes back', () => {
  it('does again what was final on the part that is gone', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open()
    const before = await bench.balance()
    const snapshot = await local.anvil.client.snapshot()
    for (const amount of [41n, 43n]) await journal.send(bench.deposit(amount))
    await bench.mine(4)
    await until(() => journal.inFlight().length === 0, 'final')
    await local.anvil.client.revert({ id: snapshot })
    expect(await bench.balance()).toBe(before)
    await journal.send(bench.deposit(47n))
    await until(async () => (await bench.balance()) === before + 131n, 'all of it')
  })

  it('waits for an RPC that has fallen behind what was final', async () => {
    bench = await makeJournalBench(local, 2)
    const journal = bench.open()
    const before = await bench.balance()
    await journal.send(bench.deposit(53n))
    await bench.mine(4)
    await until(() => journal.inFlight().length === 0, 'final')
    const old = (await bench.nonce()) - 1
    bench.proxy.judge = ({ method }) => {
      if (method === 'eth_getTransactionCount') return { answer: `0x${old.toString(16)}` }
      return method === 'eth_getTransactionReceipt' ? { answer: null } : 'forward'
    }
    await expect(journal.send(bench.deposit(59n))).rejects.toMatchObject({ code: 'rpc-behind' })
    expect(journal.find('deposit 59')).toBeUndefined()
    expect(journal.find('deposit 53')?.state).toBe('final')
    bench.proxy.judge = () => 'forward'
    await journal.send(bench.deposit(59n))
    expect(await bench.balance()).toBe(before + 112n)
  })

  it('does not believe a refusal before it is final', async () => {
    bench = await makeJournalBench(local)
    const idle = await local.open(TENANT, 1)
    await local.anvil.moveTime(2_000)
    const journal = bench.open()
    await automine(false)
    const data = encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'expire', args: [idle] })
    const sent = journal
      .send({ kind: 'expire', dedupe: 'expire', to: local.deployment.leaseEscrow, data })
      .catch((error: { code: string }) => error.code)
    await pooled(data)
    // Somebody else is first in the same block, by what he pays.
    const fees = { maxFeePerGas: 200n * GWEI, maxPriorityFeePerGas: 100n * GWEI }
    const to = local.deployment.leaseEscrow
    await local.anvil.wallet(OPERATOR).sendTransaction({ to, data, gas: 300_000n, ...fees })
    await bench.mine(1)
    expect(await sent).toBe('tx-reverted')
    expect(journal.find('expire')?.state).toBe('refused')
    await reorg(1)
    await automine(true)
    await until(() => journal.find('expire')?.state === 'mined', 'accepted in the other block')
    const lease = await local.anvil.client.readContract({
      ...{ address: to, abi: leaseEscrowAbi },
      functionName: 'leaseOf',
      args: [idle],
    })
    expect(lease.endReason).toBe(4)
  })

  it('is asked for the same again just after a reorg: joins what it takes up', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open({ pollMs: 2_000 })
    const before = await bench.balance()
    await journal.send(bench.deposit(61n))
    bench.onRaw(() => 'refuse')
    await reorg(1)
    const again = journal.send(bench.deposit(61n))
    bench.onRaw(() => 'forward')
    await again
    expect(await bench.balance()).toBe(before + 61n)
    expect(journal.inFlight()).toHaveLength(1)
  })
})

describe('a database that is not of today', () => {
  it('resolves what an older copy still thinks is in flight, and does not send it again', async () => {
    bench = await makeJournalBench(local)
    const first = bench.open()
    const before = await bench.balance()
    await automine(false)
    const sent = first.send(bench.deposit(67n))
    await pooled(bench.deposit(67n).data)
    const copy = await bench.backup()
    await bench.mine(1)
    await sent
    await automine(true)
    await first.send(bench.deposit(71n))
    await bench.restore(copy)
    const journal = bench.open()
    await journal.recover()
    await until(() => journal.find('deposit 67')?.state === 'mined', 'found')
    await journal.send(bench.deposit(73n))
    expect(await bench.balance()).toBe(before + 211n)
  })

  it('sends nothing that it could not write', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open()
    const before = await bench.balance()
    bench
      .db()
      .exec(`CREATE TRIGGER full BEFORE INSERT ON tx_attempts BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
    await expect(journal.send(bench.deposit(97n))).rejects.toThrow('disk full')
    expect(bench.proxy.calls).not.toContain('eth_sendRawTransaction')
    expect(journal.inFlight()).toEqual([])
    bench.db().exec('DROP TRIGGER full')
    await journal.send(bench.deposit(97n))
    expect(await bench.balance()).toBe(before + 97n)
  })

  it('takes up again what it could not note the end of', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open()
    const before = await bench.balance()
    bench
      .db()
      .exec(`CREATE TRIGGER full BEFORE UPDATE ON tx_intents BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
    await expect(journal.send(bench.deposit(101n))).rejects.toThrow('disk full')
    expect(journal.find('deposit 101')?.state).toBe('pending')
    bench.db().exec('DROP TRIGGER full')
    await until(() => journal.find('deposit 101')?.state === 'mined', 'noted')
    expect(await bench.balance()).toBe(before + 101n)
  })

  it('refuses the journal of another chain', async () => {
    bench = await makeJournalBench(local)
    await bench.open().recover()
    await bench.closeJournal()
    bench.db().prepare(`UPDATE tx_chain SET genesis = '0x00'`).run()
    await expect(bench.open().recover()).rejects.toMatchObject({ code: 'store-foreign' })
  })
})

describe('fees', () => {
  it.each([137, 80_002])('pays at least 25 gwei of tip on chain %i', async (chainId) => {
    bench = await makeJournalBench(local)
    const chain = makeChain({ urls: [bench.proxy.url], deployment: { ...local.deployment, chainId } })
    const market = await marketFees(chain)
    expect(market.maxPriorityFeePerGas).toBeGreaterThanOrEqual(MIN_PRIORITY_FEE[chainId]!)
    expect(MIN_PRIORITY_FEE[chainId]).toBe(25n * GWEI)
    expect(market.maxFeePerGas).toBeGreaterThanOrEqual(market.maxPriorityFeePerGas)
  })

  it('raises both fees by an eighth at least, never over the cap', () => {
    const last = { maxFeePerGas: 101n, maxPriorityFeePerGas: 31n }
    const market = { maxFeePerGas: 50n, maxPriorityFeePerGas: 30n, least: 40n }
    expect(replacementFees(last, market, 1_000n)).toEqual({ maxFeePerGas: 114n, maxPriorityFeePerGas: 35n })
    expect(replacementFees(last, market, 113n)).toBeNull()
    const dear = { maxFeePerGas: 500n, maxPriorityFeePerGas: 300n, least: 400n }
    expect(replacementFees(last, dear, 200n)).toEqual({ maxFeePerGas: 200n, maxPriorityFeePerGas: 200n })
    expect(firstFees(dear, 450n).maxFeePerGas).toBe(450n)
    expect(() => firstFees(dear, 399n)).toThrow(/no more than/)
  })

  it('waits at the cap, says so once, and is mined all the same', async () => {
    bench = await makeJournalBench(local)
    const { maxFeePerGas } = await marketFees(bench.chain)
    const cap = (maxFeePerGas * 130n) / 100n
    const journal = bench.open({ replaceAfterMs: 50, maxFeePerGas: cap })
    await automine(false)
    const sent = journal.send(bench.deposit(79n))
    await until(() => bench.told.includes('fee-cap'), 'told')
    const again = bench.proxy.calls.length
    await until(() => bench.proxy.calls.slice(again).includes('eth_sendRawTransaction'), 'sent again')
    const fees = bench.db().prepare('SELECT max_fee FROM tx_attempts').all() as { max_fee: string }[]
    expect(fees.length).toBeGreaterThan(1)
    for (const { max_fee } of fees) expect(BigInt(max_fee)).toBeLessThanOrEqual(cap)
    await bench.mine(1)
    await sent
    expect(bench.told.filter((code) => code === 'fee-cap')).toHaveLength(1)
  })

  it('sends nothing while gas costs more than the cap', async () => {
    bench = await makeJournalBench(local)
    const journal = bench.open({ maxFeePerGas: 1n })
    await expect(journal.send(bench.deposit(83n))).rejects.toMatchObject({ code: 'fee-cap', retryable: true })
    expect(journal.inFlight()).toEqual([])
  })
})
