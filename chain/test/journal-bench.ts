// A journal over an RPC that can be made to misbehave, its database in a file that can be copied and cut, and deposits
// into the escrow, which count how often something really happened.
import { copyFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaseEscrowAbi } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { encodeFunctionData, type Hex, keccak256, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { connect, type Journal, type JournalOptions, makeJournal, openDatabase } from '../src/index.ts'
import { type Local, TENANT } from './local.ts'
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts'

export const until = async (
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 25_000,
) => {
  const end = Date.now() + deadlineMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export type JournalBench = Awaited<ReturnType<typeof makeJournalBench>>

/** @param proxies so many RPCs, in order of preference. */
export const makeJournalBench = async (local: Local, proxies = 1) => {
  const folder = await mkdtemp(join(tmpdir(), 'journal-'))
  const rpcs: RpcProxy[] = []
  for (let i = 0; i < proxies; i++) rpcs.push(await startRpcProxy(local.anvil.rpcUrl))
  const urls = rpcs.map((rpc) => rpc.url)
  const chain = await connect({ urls, deployment: local.deployment, timeoutMs: 2_000, retries: 1 })
  const { client } = local.anvil
  const account = privateKeyToAccount(toHex(local.anvil.account(TENANT).getHdKey().privateKey!))
  const file = join(folder, 'journal.sqlite')
  let db: Database = openDatabase(file)
  let journal: Journal | null = null
  const told: string[] = []
  const errors: unknown[] = []

  const open = (options: Partial<JournalOptions> = {}): Journal => {
    const onError = (error: unknown) => {
      errors.push(error)
      told.push((error as { code?: string }).code ?? String(error))
    }
    journal = makeJournal({ chain, db, account, onError, ...options })
    return journal
  }
  const closeJournal = async () => {
    await journal?.close()
    journal = null
  }
  return {
    chain,
    account,
    /** The first RPC. */
    proxy: rpcs[0]!,
    rpcs,
    file,
    /** Codes of what `onError` was told, in order. */
    told,
    errors,
    open,
    db: () => db,
    closeJournal,
    /** Closes the journal and gives the next one the database as it was at `copy`. */
    restore: async (copy: string) => {
      await closeJournal()
      db.close()
      copyFileSync(copy, file)
      for (const tail of ['-wal', '-shm']) await rm(`${file}${tail}`, { force: true })
      db = openDatabase(file)
    },
    backup: async () => {
      const copy = join(folder, `backup-${Date.now()}.sqlite`)
      await db.backup(copy)
      return copy
    },
    deposit: (amount: bigint) => ({
      kind: 'deposit',
      dedupe: `deposit ${amount}`,
      to: local.deployment.leaseEscrow,
      data: encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'deposit', args: [amount] }),
    }),
    balance: () =>
      client.readContract({
        ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
        functionName: 'balanceOf',
        args: [account.address],
      }),
    nonce: () => client.getTransactionCount({ address: account.address }),
    mine: (blocks: number) => client.mine({ blocks }),
    /** `wanted` says what to do with each raw transaction; anything else is forwarded. */
    onRaw: (wanted: (raw: Hex, nth: number) => ReturnType<RpcProxy['judge']>) => {
      let nth = 0
      for (const rpc of rpcs) {
        rpc.judge = ({ method, params }) => {
          if (method !== 'eth_sendRawTransaction') return 'forward'
          nth += 1
          return wanted(params![0] as Hex, nth)
        }
      }
    },
    /** What an RPC answers that swallows a transaction. */
    swallowed: (raw: Hex) => ({ answer: keccak256(raw) }),
    close: async () => {
      await closeJournal()
      db.close()
      for (const rpc of rpcs) await rpc.close()
      await client.setAutomine(true)
      await client.mine({ blocks: 1 })
      await rm(folder, { recursive: true, force: true })
    },
  }
}
