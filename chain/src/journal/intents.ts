// The journal's table: what was meant, what was signed, what became of it.
import type { Database } from 'better-sqlite3'
import type { Address, Hex } from 'viem'
import { migrate } from '../store.ts'
import type { Intent, IntentRecord, IntentState } from './types.ts'

const SCHEMA = [
  `CREATE TABLE tx_intents (
     id INTEGER PRIMARY KEY,
     account TEXT NOT NULL, kind TEXT NOT NULL, dedupe TEXT NOT NULL,
     "to" TEXT NOT NULL, data TEXT NOT NULL, value TEXT NOT NULL,
     nonce INTEGER NOT NULL, gas TEXT NOT NULL,
     state TEXT NOT NULL,
     mined_hash TEXT, block_number INTEGER,
     created_at INTEGER NOT NULL
   ) STRICT;
   -- One live intent per nonce. A nonce may be used again where a reorg took its block away.
   CREATE UNIQUE INDEX tx_intents_nonce ON tx_intents (account, nonce) WHERE state IN ('pending', 'mined');
   CREATE INDEX tx_intents_dedupe ON tx_intents (account, dedupe, id);
   -- Signed before they are sent, so a hash is never unknown; the raw transaction can be sent again.
   CREATE TABLE tx_attempts (
     hash TEXT PRIMARY KEY,
     intent_id INTEGER NOT NULL REFERENCES tx_intents (id),
     raw TEXT NOT NULL, max_fee TEXT NOT NULL, priority_fee TEXT NOT NULL,
     created_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX tx_attempts_intent ON tx_attempts (intent_id, created_at);`,
]

export type Fees = { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }
export type Attempt = { hash: Hex; raw: Hex; fees: Fees; createdAt: number }

type IntentRow = {
  id: number
  kind: string
  dedupe: string
  to: string
  data: string
  value: string
  nonce: number
  gas: string
  state: string
  mined_hash: string | null
  block_number: number | null
  created_at: number
}
type AttemptRow = { hash: string; raw: string; max_fee: string; priority_fee: string; created_at: number }

export type IntentTable = ReturnType<typeof makeIntentTable>

export const makeIntentTable = (db: Database, account: Address) => {
  migrate(db, 'journal', SCHEMA)
  const attemptRows = db.prepare('SELECT * FROM tx_attempts WHERE intent_id = ? ORDER BY created_at, rowid')
  const insertAttempt = db.prepare(
    'INSERT INTO tx_attempts VALUES (@hash, @intentId, @raw, @maxFee, @priorityFee, @createdAt)',
  )
  const insertIntent = db.prepare(
    `INSERT INTO tx_intents (account, kind, dedupe, "to", data, value, nonce, gas, state, created_at)
     VALUES (@account, @kind, @dedupe, @to, @data, @value, @nonce, @gas, 'pending', @createdAt)`,
  )

  const attemptsOf = (id: number): Attempt[] =>
    (attemptRows.all(id) as AttemptRow[]).map((row) => ({
      // This file alone writes these columns, from values viem typed as hex.
      hash: row.hash as Hex,
      raw: row.raw as Hex,
      fees: { maxFeePerGas: BigInt(row.max_fee), maxPriorityFeePerGas: BigInt(row.priority_fee) },
      createdAt: row.created_at,
    }))

  const toRecord = (row: IntentRow): IntentRecord => ({
    id: row.id,
    kind: row.kind,
    dedupe: row.dedupe,
    to: row.to as Address,
    data: row.data as Hex,
    value: BigInt(row.value),
    nonce: row.nonce,
    gas: BigInt(row.gas),
    state: row.state as IntentState,
    hashes: attemptsOf(row.id).map((attempt) => attempt.hash),
    minedHash: row.mined_hash as Hex | null,
    blockNumber: row.block_number === null ? null : BigInt(row.block_number),
    createdAt: row.created_at,
  })

  const one = (sql: string, ...args: unknown[]): IntentRecord | undefined => {
    const row = db.prepare(sql).get(...args) as IntentRow | undefined
    return row === undefined ? undefined : toRecord(row)
  }

  const addAttempt = (intentId: number, { hash, raw, fees, createdAt }: Attempt) => {
    insertAttempt.run({
      hash,
      intentId,
      raw,
      maxFee: String(fees.maxFeePerGas),
      priorityFee: String(fees.maxPriorityFeePerGas),
      createdAt,
    })
  }

  return {
    attemptsOf,
    addAttempt,
    /** Intent and first attempt in one transaction: neither exists without the other. */
    create: (intent: Required<Intent> & { nonce: number; gas: bigint }, attempt: Attempt): IntentRecord =>
      db
        .transaction(() => {
          const { lastInsertRowid } = insertIntent.run({
            ...intent,
            account,
            value: String(intent.value),
            gas: String(intent.gas),
            createdAt: attempt.createdAt,
          })
          addAttempt(Number(lastInsertRowid), attempt)
          return one('SELECT * FROM tx_intents WHERE id = ?', lastInsertRowid)!
        })
        .immediate(),
    get: (id: number): IntentRecord => one('SELECT * FROM tx_intents WHERE id = ?', id)!,
    pending: (dedupe: string) =>
      one(
        `SELECT * FROM tx_intents WHERE account = ? AND dedupe = ? AND state = 'pending' ORDER BY id DESC LIMIT 1`,
        account,
        dedupe,
      ),
    newest: (dedupe: string) =>
      one(
        'SELECT * FROM tx_intents WHERE account = ? AND dedupe = ? ORDER BY id DESC LIMIT 1',
        account,
        dedupe,
      ),
    inFlight: (): IntentRecord[] =>
      (
        db
          .prepare(
            `SELECT * FROM tx_intents WHERE account = ? AND state IN ('pending', 'mined') ORDER BY nonce`,
          )
          .all(account) as IntentRow[]
      ).map(toRecord),
    /** The lowest nonce at or above `chainNonce` that no live intent holds. */
    freeNonce: (chainNonce: number): number => {
      const held = new Set(
        (
          db
            .prepare(
              `SELECT nonce FROM tx_intents WHERE account = ? AND nonce >= ? AND state IN ('pending', 'mined')`,
            )
            .all(account, chainNonce) as { nonce: number }[]
        ).map((row) => row.nonce),
      )
      let nonce = chainNonce
      while (held.has(nonce)) nonce++
      return nonce
    },
    /** Where an intent ended, or back to `pending` when a reorg took its block away. */
    settle: (id: number, state: IntentState, mined: { hash: Hex; blockNumber: bigint } | null = null) => {
      db.prepare('UPDATE tx_intents SET state = ?, mined_hash = ?, block_number = ? WHERE id = ?').run(
        state,
        mined?.hash ?? null,
        mined?.blockNumber ?? null,
        id,
      )
    },
  }
}
