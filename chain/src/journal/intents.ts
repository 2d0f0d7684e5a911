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
  `DROP INDEX tx_intents_nonce;
   -- What was refused in a block that is not final may yet be accepted in another: it holds its nonce until then.
   CREATE UNIQUE INDEX tx_intents_nonce ON tx_intents (account, nonce)
     WHERE state IN ('pending', 'mined', 'refused');
   CREATE INDEX tx_intents_place ON tx_intents (account, nonce);
   -- 1: takes the nonce and does nothing.
   ALTER TABLE tx_attempts ADD COLUMN cancels INTEGER NOT NULL DEFAULT 0;
   -- A chain that was started anew has the same id; a nonce of the old one would leave a gap in the new.
   CREATE TABLE tx_chain (
     one INTEGER PRIMARY KEY CHECK (one = 1), chain_id INTEGER NOT NULL, genesis TEXT NOT NULL
   ) STRICT;`,
]

const LIVE = `state IN ('pending', 'mined', 'refused')`

export type Fees = { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }
export type Attempt = { hash: Hex; raw: Hex; fees: Fees; cancels: boolean; createdAt: number }

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
type AttemptRow = {
  hash: string
  raw: string
  max_fee: string
  priority_fee: string
  created_at: number
  cancels: number
}

export type IntentTable = ReturnType<typeof makeIntentTable>

export const makeIntentTable = (db: Database, account: Address) => {
  migrate(db, 'journal', SCHEMA)
  const attemptRows = db.prepare('SELECT * FROM tx_attempts WHERE intent_id = ? ORDER BY created_at, rowid')
  const insertAttempt = db.prepare(
    'INSERT INTO tx_attempts VALUES (@hash, @intentId, @raw, @maxFee, @priorityFee, @createdAt, @cancels)',
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
      cancels: row.cancels === 1,
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

  const many = (sql: string, ...args: unknown[]): IntentRecord[] =>
    (db.prepare(sql).all(...args) as IntentRow[]).map(toRecord)

  const addAttempt = (intentId: number, { hash, raw, fees, cancels, createdAt }: Attempt) => {
    insertAttempt.run({
      hash,
      intentId,
      raw,
      maxFee: String(fees.maxFeePerGas),
      priorityFee: String(fees.maxPriorityFeePerGas),
      createdAt,
      cancels: cancels ? 1 : 0,
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
    inFlight: () => many(`SELECT * FROM tx_intents WHERE account = ? AND ${LIVE} ORDER BY nonce`, account),
    /** What is over and was in the chain at this nonce or above it. */
    overFrom: (nonce: number) =>
      many(
        `SELECT * FROM tx_intents WHERE account = ? AND nonce >= ? AND mined_hash IS NOT NULL
           AND state IN ('final', 'reverted', 'abandoned') ORDER BY nonce, id`,
        account,
        nonce,
      ),
    /** The lowest nonce at or above `chainNonce` that no live intent holds. */
    freeNonce: (chainNonce: number): number => {
      const held = new Set(
        (
          db
            .prepare(`SELECT nonce FROM tx_intents WHERE account = ? AND nonce >= ? AND ${LIVE}`)
            .all(account, chainNonce) as { nonce: number }[]
        ).map((row) => row.nonce),
      )
      let nonce = chainNonce
      while (held.has(nonce)) nonce++
      return nonce
    },
    /** Which chain this journal was written for; notes the present one the first time. */
    chainOf: (present: { chainId: number; genesis: Hex }): { chainId: number; genesis: string } => {
      db.prepare('INSERT OR IGNORE INTO tx_chain VALUES (1, ?, ?)').run(present.chainId, present.genesis)
      return db.prepare('SELECT chain_id AS chainId, genesis FROM tx_chain').get() as {
        chainId: number
        genesis: string
      }
    },
    /** Where an intent stands now; back to `pending` when a reorg took its block away. */
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
