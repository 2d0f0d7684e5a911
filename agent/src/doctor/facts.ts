// What was found out about this machine, read without touching it: the store itself would bring its tables up to date.
import { existsSync } from 'node:fs'
import {
  type BenchmarkFacts,
  benchmarkFactsSchema,
  type ProbeFacts,
  probeFactsSchema,
} from '@decloud/protocol/wire/facts'
import Sqlite from 'better-sqlite3'
import type { z } from 'zod'
import { factsFile } from '../state/node-facts-store.ts'

export const newestProbe = (dataDir: string): ProbeFacts | null => newest(dataDir, 'probe', probeFactsSchema)
export const newestBenchmark = (dataDir: string): BenchmarkFacts | null =>
  newest(dataDir, 'benchmark', benchmarkFactsSchema)

/** What another version wrote in another shape counts as never found out. */
const newest = <schema extends z.ZodType>(
  dataDir: string,
  kind: 'probe' | 'benchmark',
  schema: schema,
): z.output<schema> | null => {
  const path = factsFile(dataDir)
  if (!existsSync(path)) return null
  const db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 2_000 })
  try {
    const text: unknown = db
      .prepare('SELECT facts FROM taken WHERE kind = ? ORDER BY id DESC LIMIT 1')
      .pluck()
      .get(kind)
    const parsed = schema.safeParse(typeof text === 'string' ? JSON.parse(text) : null)
    return parsed.success ? parsed.data : null
  } finally {
    db.close()
  }
}
