// What was found out about this machine: the newest discovery, every benchmark and probe for a while back. A database of
// its own, so that a command may write into it while the agent runs.
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { migrate, openDatabase } from '@decloud/chain'
import {
  type BenchmarkFacts,
  benchmarkFactsSchema,
  type MachineFacts,
  machineFactsSchema,
  type ProbeFacts,
  probeFactsSchema,
  type SignedFacts,
  signedFactsSchema,
} from '@decloud/protocol/wire/facts'
import type { z } from 'zod'
import { AgentError } from '../lib/errors.ts'

const SCHEMA = [
  `CREATE TABLE taken (
     id INTEGER PRIMARY KEY, kind TEXT NOT NULL, takenAt INTEGER NOT NULL, facts TEXT NOT NULL
   ) STRICT;
   CREATE INDEX taken_kind ON taken (kind, id)`,
]
/** Kept of each kind: of a weekly benchmark, two years. */
const KEPT = { machine: 1, benchmark: 100, probe: 100, statement: 1 } as const
type Kind = keyof typeof KEPT

export const factsFile = (dataDir: string): string => join(dataDir, 'node-facts.db')

export type FactsStore = {
  readonly machine: Taken<MachineFacts>
  readonly benchmark: Taken<BenchmarkFacts>
  readonly probe: Taken<ProbeFacts>
  /** The newest that was signed. */
  readonly statement: Taken<SignedFacts>
  close(): void
}

type Taken<facts> = {
  put(facts: facts): void
  newest(): facts | null
  /** The newest first. */
  history(limit: number): readonly facts[]
}

/** @throws AgentError `data-dir-unusable`; DecloudError of the database. */
export const openFactsStore = (dataDir: string): FactsStore => {
  const path = factsFile(dataDir)
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  } catch (cause) {
    throw new AgentError('data-dir-unusable', `The data folder ${dataDir} cannot be used.`, {
      hint: 'Check that it exists or can be made, and that this user may write to it.',
      cause,
    })
  }
  const db = openDatabase(path)
  chmodSync(path, 0o600)
  migrate(db, 'node-facts', SCHEMA)
  const insert = db.prepare('INSERT INTO taken (kind, takenAt, facts) VALUES (?, ?, ?)')
  const forget = db.prepare(
    'DELETE FROM taken WHERE kind = ? AND id NOT IN (SELECT id FROM taken WHERE kind = ? ORDER BY id DESC LIMIT ?)',
  )
  const select = db.prepare('SELECT facts FROM taken WHERE kind = ? ORDER BY id DESC LIMIT ?').pluck()

  const takenOf = <schema extends z.ZodType>(
    kind: Kind,
    schema: schema,
    at: (facts: z.output<schema>) => number,
  ) => {
    // What a version of another shape wrote is not known any more: it is found out anew.
    const history = (limit: number): readonly z.output<schema>[] =>
      select.all(kind, limit).flatMap((text) => {
        const parsed = schema.safeParse(JSON.parse(String(text)))
        return parsed.success ? [parsed.data] : []
      })
    return {
      put: (facts: z.output<schema>): void =>
        db
          .transaction(() => {
            insert.run(kind, at(facts), JSON.stringify(facts))
            forget.run(kind, kind, KEPT[kind])
          })
          .immediate(),
      newest: (): z.output<schema> | null => history(1)[0] ?? null,
      history,
    }
  }
  return {
    machine: takenOf('machine', machineFactsSchema, ({ takenAt }) => takenAt),
    benchmark: takenOf('benchmark', benchmarkFactsSchema, ({ takenAt }) => takenAt),
    probe: takenOf('probe', probeFactsSchema, ({ takenAt }) => takenAt),
    statement: takenOf('statement', signedFactsSchema, ({ facts }) => facts.signedAt),
    close: () => db.close(),
  }
}
