import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaseEscrowAbi } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { encodeFunctionData, type Hex, keccak256, toHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Chain, connect, type Journal, makeJournal, openDatabase } from '../src/index.ts'
import { type Local, startLocal, TENANT } from './local.ts'
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts'

let local: Local
let proxy: RpcProxy
let chain: Chain
let db: Database
let journal: Journal
let folder: string
// The tenant's own key: it has USDC and gas, and `deposit` counts how often something really happened.
const tenantKey = () => toHex(local.anvil.account(TENANT).getHdKey().privateKey!)
const deposit = (amount: bigint) => ({
  kind: 'deposit',
  dedupe: `deposit ${amount}`,
  to: local.deployment.leaseEscrow,
  data: encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'deposit', args: [amount] }),
})
const balance = () =>
  local.anvil.client.readContract({
    address: local.deployment.leaseEscrow,
    abi: leaseEscrowAbi,
    functionName: 'balanceOf',
    args: [local.anvil.account(TENANT).address],
  })
const open = (options: Partial<Parameters<typeof makeJournal>[0]> = {}) => {
  journal = makeJournal({ chain, db, account: privateKeyToAccount(tenantKey()), ...options })
  return journal
}

beforeAll(async () => {
  local = await startLocal()
  await local.register()
  await local.fund(TENANT, 1_000_000_000n)
  folder = await mkdtemp(join(tmpdir(), 'journal-'))
})
afterAll(async () => {
  await local?.stop()
  await rm(folder, { recursive: true, force: true })
})
let files = 0
const databaseFile = () => join(folder, `${files}.sqlite`)
beforeEach(async () => {
  files += 1
  db = openDatabase(databaseFile())
  proxy = await startRpcProxy(local.anvil.rpcUrl)
  chain = await connect({ urls: [proxy.url], deployment: local.deployment, timeoutMs: 2_000, retries: 1 })
})
afterEach(async () => {
  await journal?.close()
  db.close()
  await proxy.close()
  await local.anvil.client.setAutomine(true)
})

const until = async (condition: () => boolean | Promise<boolean>, what: string, deadlineMs = 10_000) => {
  const end = Date.now() + deadlineMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('the journal', () => {
  it('sends, waits, and calls it final once its block is', async () => {
    open()
    const before = await balance()
    const mined = await journal.send(deposit(5n))
    expect(await balance()).toBe(before + 5n)
    expect(journal.find('deposit 5')).toMatchObject({ state: 'mined', minedHash: mined.hash })
    await local.anvil.client.mine({ blocks: 3 })
    await until(() => journal.find('deposit 5')?.state === 'final', 'final')
    expect(journal.inFlight()).toEqual([])
  })

  it('joins an intent in flight, and sends many at once with one nonce each', async () => {
    open()
    const before = await balance()
    const same = await Promise.all(Array.from({ length: 5 }, () => journal.send(deposit(7n))))
    expect(new Set(same.map((mined) => mined.hash)).size).toBe(1)
    expect(await balance()).toBe(before + 7n)
    await Promise.all(Array.from({ length: 20 }, (_, i) => journal.send(deposit(100n + BigInt(i)))))
    expect(await balance()).toBe(before + 7n + 2_190n)
  })

  it('names the error of the contract and sends nothing', async () => {
    open()
    const stranger = keccak256(toHex('no such lease'))
    const data = encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'expire', args: [stranger] })
    const nonce = await local.anvil.client.getTransactionCount({ address: journal.address })
    await expect(
      journal.send({ kind: 'expire', dedupe: 'expire', to: local.deployment.leaseEscrow, data }),
    ).rejects.toMatchObject({
      code: 'simulation-reverted',
      errorName: 'LeaseEscrow_WrongStatus',
      args: [stranger, 0],
      sentence: `The contract refuses expire: Lease ${stranger} is None: this is not possible then. Read its state again; check the id when it is None.`,
    })
    expect(await local.anvil.client.getTransactionCount({ address: journal.address })).toBe(nonce)
    expect(journal.find('expire')).toBeUndefined()
  })

  it('signs for no more gas than the sender allows', async () => {
    open()
    const before = await balance()
    const nonce = await local.anvil.client.getTransactionCount({ address: journal.address })
    await expect(journal.send(deposit(3n), { maxGas: 30_000n })).rejects.toMatchObject({
      code: 'gas-over-cap',
      retryable: false,
    })
    expect(await local.anvil.client.getTransactionCount({ address: journal.address })).toBe(nonce)
    expect(journal.find('deposit 3')).toBeUndefined()
    await journal.send(deposit(3n), { maxGas: 300_000n })
    expect(await balance()).toBe(before + 3n)
  })

  it('says which address lacks gas, what it needs and what it has', async () => {
    const poor = privateKeyToAccount(generatePrivateKey())
    await local.anvil.client.setBalance({ address: poor.address, value: 1_000n })
    open({ account: poor })
    const data = encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'settle', args: [[]] })
    const sent = journal.send({ kind: 'settle', dedupe: 's', to: local.deployment.leaseEscrow, data })
    await expect(sent).rejects.toMatchObject({ code: 'gas-funds-short', retryable: false })
    await expect(sent).rejects.toThrow(
      new RegExp(
        `^${poor.address} cannot pay for gas: it needs 0\\.\\d+ \\S+ ?\\S* and has 0\\.000000000000001 `,
      ),
    )
  })

  it('replaces by fee what is not mined, and finds the one that was', async () => {
    open({ replaceAfterMs: 100, maxAttempts: 4 })
    await local.anvil.client.setAutomine(false)
    const before = await balance()
    let broadcasts = 0
    proxy.after = ({ method }) => {
      if (method === 'eth_sendRawTransaction') broadcasts += 1
    }
    const sent = journal.send(deposit(11n))
    await until(() => broadcasts === 4, 'four attempts')
    await local.anvil.client.mine({ blocks: 1 })
    const mined = await sent
    expect(mined.replaced).toBe(3)
    expect(await balance()).toBe(before + 11n)
    const fees = db.prepare('SELECT priority_fee FROM tx_attempts ORDER BY created_at').all() as {
      priority_fee: string
    }[]
    for (let i = 1; i < fees.length; i++) {
      expect(BigInt(fees[i]!.priority_fee) * 10n).toBeGreaterThanOrEqual(
        BigInt(fees[i - 1]!.priority_fee) * 11n,
      )
    }
  })

  it('finds an older attempt when that one is mined after all', async () => {
    open({ replaceAfterMs: 50, maxAttempts: 2 })
    await local.anvil.client.setAutomine(false)
    const raws: Hex[] = []
    proxy.judge = ({ method, params }) => {
      if (method !== 'eth_sendRawTransaction') return 'forward'
      raws.push(params![0] as Hex)
      return raws.length === 1 ? 'forward' : { answer: keccak256(raws.at(-1)!) }
    }
    const sent = journal.send(deposit(13n))
    await until(() => raws.length >= 2, 'a replacement')
    await local.anvil.client.mine({ blocks: 1 })
    expect((await sent).replaced).toBe(0)
  })

  it('gives up waiting at the deadline, keeps the intent, and joins it later', async () => {
    open()
    await local.anvil.client.setAutomine(false)
    const before = await balance()
    await expect(journal.send(deposit(17n), { deadlineMs: 150 })).rejects.toMatchObject({
      code: 'tx-not-mined',
    })
    const again = journal.send(deposit(17n))
    await local.anvil.client.setAutomine(true)
    await local.anvil.client.mine({ blocks: 1 })
    await again
    expect(await balance()).toBe(before + 17n)
  })

  it('waits out an RPC that goes away after the broadcast', async () => {
    open()
    await local.anvil.client.setAutomine(false)
    let gone = false
    proxy.after = ({ method }) => {
      if (method !== 'eth_sendRawTransaction') return
      gone = true
      proxy.judge = () => 'refuse'
    }
    const sent = journal.send(deposit(19n))
    await until(() => gone, 'broadcast')
    await local.anvil.client.mine({ blocks: 1 })
    proxy.after = () => {}
    proxy.judge = () => 'forward'
    expect((await sent).replaced).toBe(0)
  })

  it('notices that a stranger used its nonce', async () => {
    open()
    await local.anvil.client.setAutomine(false)
    proxy.judge = ({ method, params }) =>
      method === 'eth_sendRawTransaction' ? { answer: keccak256(params![0] as Hex) } : 'forward'
    const sent = journal.send(deposit(23n))
    const failed = expect(sent).rejects.toMatchObject({ code: 'nonce-taken' })
    await until(() => journal.find('deposit 23') !== undefined, 'written')
    await local.anvil.wallet(TENANT).sendTransaction({ to: local.anvil.account(9).address, value: 1n })
    await local.anvil.client.mine({ blocks: 1 })
    // Until that is final, the block may be replaced by one with ours.
    expect(journal.find('deposit 23')?.state).toBe('pending')
    await local.anvil.client.mine({ blocks: 3 })
    await failed
    expect(journal.find('deposit 23')?.state).toBe('lost')
  })

  it('sends again what a reorg took out of the chain', async () => {
    open()
    const before = await balance()
    await journal.send(deposit(29n))
    await local.anvil.client.request({ method: 'anvil_reorg' as 'anvil_reset', params: [1, []] as never })
    await until(async () => (await balance()) === before + 29n, 'mined again')
  })
})

describe('killed with SIGKILL', () => {
  const victims: ChildProcess[] = []
  afterEach(() => {
    for (const victim of victims) victim.kill('SIGKILL')
  })
  const startVictim = () => {
    const task = {
      url: proxy.url,
      deployment: local.deployment,
      database: databaseFile(),
      privateKey: tenantKey(),
      replaceAfterMs: 100,
      ...deposit(31n),
    }
    const victim = fork(new URL('./journal-victim.ts', import.meta.url), [JSON.stringify(task)], {
      silent: true,
    })
    victims.push(victim)
    return victim
  }
  /** Kills the victim at its `nth` call of `method`: before that reaches the chain, or when the chain has answered. */
  const dieAt = async (method: string, nth: number, when: 'before' | 'after') => {
    const victim = startVictim()
    const died = once(victim, 'exit')
    let calls = 0
    proxy.judge = async (call) => {
      if (call.method !== method) return 'forward'
      calls += 1
      if (calls < nth) return 'forward'
      if (when === 'before') victim.kill('SIGKILL')
      if (when === 'before') await died
      return when === 'before' ? 'refuse' : 'forward'
    }
    proxy.after = async (call) => {
      if (call.method !== method || calls < nth) return
      victim.kill('SIGKILL')
      await died
    }
    await died
    proxy.judge = () => 'forward'
    proxy.after = () => {}
  }
  const attempts = () => (db.prepare('SELECT count(*) AS n FROM tx_attempts').get() as { n: number }).n
  const finish = async (before: bigint) => {
    open()
    await journal.recover()
    await until(() => journal.find('once')?.state !== 'pending', 'resolved')
    expect(await balance()).toBe(before + 31n)
  }

  it.each(['before', 'after'] as const)('%s the broadcast: done once, after the restart', async (when) => {
    const before = await balance()
    await dieAt('eth_sendRawTransaction', 1, when)
    expect(await balance()).toBe(when === 'before' ? before : before + 31n)
    open()
    expect(journal.inFlight()).toMatchObject([{ dedupe: 'once', state: 'pending' }])
    await finish(before)
  })

  it.each(['eth_estimateGas', 'eth_getBalance', 'eth_getTransactionCount'])(
    'before it is written, at %s: nothing is in the journal and nothing on the chain',
    async (method) => {
      const before = await balance()
      await dieAt(method, 1, 'before')
      expect(attempts()).toBe(0)
      open()
      await journal.recover()
      expect(await balance()).toBe(before)
      await journal.send(deposit(31n))
      expect(await balance()).toBe(before + 31n)
    },
  )

  it.each(['before', 'after'] as const)(
    '%s a replacement is sent that is written: done once',
    async (when) => {
      const before = await balance()
      await local.anvil.client.setAutomine(false)
      await dieAt('eth_sendRawTransaction', 2, when)
      expect(attempts()).toBe(2)
      await local.anvil.client.setAutomine(true)
      await local.anvil.client.mine({ blocks: 1 })
      expect(await balance()).toBe(before + 31n)
      await finish(before)
      const { minedHash, hashes } = journal.find('once')!
      expect(minedHash).toBe(hashes[when === 'before' ? 0 : 1])
    },
  )

  it('after it was mined, before the journal noted that: not sent again', async () => {
    const before = await balance()
    const nonce = await local.anvil.client.getTransactionCount({
      address: local.anvil.account(TENANT).address,
    })
    await dieAt('eth_getTransactionReceipt', 1, 'after')
    expect(await balance()).toBe(before + 31n)
    await finish(before)
    const { address } = journal
    expect(await local.anvil.client.getTransactionCount({ address })).toBe(nonce + 1)
  })
})
