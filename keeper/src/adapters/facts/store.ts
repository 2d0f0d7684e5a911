import { migrate } from '@decloud/chain'
import { signedFactsSchema } from '@decloud/protocol/wire/facts'
import type { Database } from 'better-sqlite3'
import type { Address } from 'viem'
import type { FactsStore } from '../../ports/facts.ts'

const SCHEMA = [
  `CREATE TABLE node_facts (
     node INTEGER PRIMARY KEY, agent TEXT NOT NULL, signed TEXT NOT NULL, heard_at INTEGER NOT NULL
   ) STRICT`,
]

type Row = { agent: Address; signed: string; heard_at: number }

export const makeFactsStore = (db: Database): FactsStore => {
  migrate(db, 'node-facts', SCHEMA)
  const select = db.prepare('SELECT agent, signed, heard_at FROM node_facts WHERE node = ?')
  const put = db.prepare('INSERT OR REPLACE INTO node_facts VALUES (?, ?, ?, ?)')
  return {
    find: (node) => {
      const row = select.get(node) as Row | undefined
      if (row === undefined) return undefined
      // What a keeper of another version took may have another shape: then nothing is known until it is told again.
      const parsed = signedFactsSchema.safeParse(JSON.parse(row.signed))
      return parsed.success ? { signed: parsed.data, agent: row.agent, heardAt: row.heard_at } : undefined
    },
    put: ({ signed, agent, heardAt }) => {
      put.run(signed.facts.node, agent, JSON.stringify(signed), heardAt)
    },
  }
}
