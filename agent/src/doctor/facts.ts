// What was measured on this machine, and when: nobody is kept from working by old figures, but they are shown to tenants.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { nodeRegistryAbi } from '@decloud/protocol'
import { benchmarkFactsSchema, probeFactsSchema } from '@decloud/protocol/wire/facts'
import Sqlite from 'better-sqlite3'
import type { z } from 'zod'
import { type Finding, fail, ok, warn } from './finding.ts'
import { judgeBenchmark, judgeProbe } from './measured.ts'
import type { Subject } from './subject.ts'

const DAY = 86_400
/** `register` wants a probe that is no older. */
const PROBE_DAYS = 7
/** The agent measures every week by itself. */
const BENCHMARK_DAYS = 30

export const checkProbe = async (subject: Subject): Promise<Finding[]> => {
  const check = 'probe'
  const { hypervisor, dataDir, acceleration } = subject.config()
  if (hypervisor === 'simulated') return [ok(check, 'not needed: guests are simulated')]
  const todo = 'Boot one: decloud-node probe'
  const last = newest(dataDir, 'probe', probeFactsSchema)
  if (last === null)
    return [warn(check, 'probe-missing', 'no guest was ever booted on this machine to prove itself', todo)]
  const ago = `${days(last.takenAt)} days ago`
  if (last.acceleration === null)
    return [fail(check, 'probe-failed', `${ago} no guest booted here: ${last.message}`, todo)]
  return days(last.takenAt) > PROBE_DAYS
    ? [warn(check, 'probe-old', `a guest last booted on ${last.acceleration} ${ago}`, todo)]
    : judgeProbe(last, acceleration)
}

export const checkBenchmark = async (subject: Subject): Promise<Finding[]> => {
  const check = 'benchmark'
  const todo = 'Measure it: decloud-node benchmark'
  const last = newest(subject.config().dataDir, 'benchmark', benchmarkFactsSchema)
  if (last === null) return [warn(check, 'benchmark-missing', 'this machine was never measured', todo)]
  const found = `measured ${days(last.takenAt)} days ago`
  if (days(last.takenAt) > BENCHMARK_DAYS) return [warn(check, 'benchmark-old', found, todo)]
  return [judgeBenchmark(last, await registeredPoints(subject))]
}

const registeredPoints = async (subject: Subject): Promise<number> => {
  const { node } = subject.config()
  const chain = await subject.chain()
  const registry = { address: chain.deployment.nodeRegistry, abi: nodeRegistryAbi } as const
  const { capacity } = await chain.request('read what this node offers', (client) =>
    client.readContract({ ...registry, functionName: 'offer', args: [node] }),
  )
  return Number(capacity.pointUnits)
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
