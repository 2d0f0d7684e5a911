// What was measured on this machine, and when: nobody is kept from working by old figures, but they are shown to tenants.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { benchmarkFactsSchema, type ProbeFacts, probeFactsSchema } from '@decloud/protocol/wire/facts'
import Sqlite from 'better-sqlite3'
import type { z } from 'zod'
import { DEVELOPMENT_CHAIN } from '../config/config.ts'
import { whyNotProven } from '../domain/probe.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import type { Subject } from './subject.ts'

const DAY = 86_400
/** The agent measures every week by itself. */
const BENCHMARK_DAYS = 30

export const checkProbe = async (subject: Subject): Promise<Finding[]> => {
  const check = 'probe'
  const { hypervisor, dataDir, deployment } = subject.config()
  if (hypervisor === 'simulated') return [ok(check, 'not needed: guests are simulated')]
  const last = newestProbe(dataDir)
  const refusal = whyNotProven(last, Date.now() / 1_000, deployment.chainId === DEVELOPMENT_CHAIN)
  if (refusal === null)
    return [
      ok(
        check,
        `a guest booted on ${last?.acceleration ?? 'nothing real'} ${days(last?.takenAt ?? 0)} days ago`,
      ),
    ]
  const { code, message } = refusal
  const todo = 'Boot one: decloud-node probe'
  return [code === 'probe-failed' ? fail(check, code, message, todo) : warn(check, code, message, todo)]
}

export const newestProbe = (dataDir: string): ProbeFacts | null => newest(dataDir, 'probe', probeFactsSchema)

export const checkBenchmark = async (subject: Subject): Promise<Finding[]> => {
  const check = 'benchmark'
  const todo = 'Measure it: decloud-node benchmark'
  const last = newest(subject.config().dataDir, 'benchmark', benchmarkFactsSchema)
  if (last === null) return [warn(check, 'benchmark-missing', 'this machine was never measured', todo)]
  const found = `measured ${days(last.takenAt)} days ago`
  return days(last.takenAt) > BENCHMARK_DAYS
    ? [warn(check, 'benchmark-old', found, todo)]
    : [ok(check, `${found}${last.steady ? '' : ', while the machine was busy'}`)]
}

const days = (takenAt: number) => Math.max(0, Math.floor((Date.now() / 1_000 - takenAt) / DAY))

/** What another version wrote in another shape counts as never found out. */
const newest = <schema extends z.ZodType>(
  dataDir: string,
  kind: 'probe' | 'benchmark',
  schema: schema,
): z.output<schema> | null => {
  const path = join(dataDir, 'node-facts.db')
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
