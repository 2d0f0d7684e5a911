import { readFile, writeFile } from 'node:fs/promises'
import { DecloudError } from '@decloud/protocol'
import { z } from 'zod'
import type { Claim } from './claims.ts'
import type { Answer, Taken } from './halmos.ts'

const recordSchema = z.record(
  z.string(),
  z.strictObject({
    says: z.string(),
    answer: z.enum(['proved', 'bounded', 'timed out']),
    bound: z.string().optional(),
  }),
)
export type Record_ = z.infer<typeof recordSchema>

export const readRecord = async (path: string): Promise<Record_> => {
  const parsed = recordSchema.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (parsed.success) return parsed.data
  throw new DecloudError(
    'static/bad-record',
    `${path} is not a record of claims: ${z.prettifyError(parsed.error)}`,
  )
}

const STRENGTH: Record<Answer, number> = { proved: 2, bounded: 1, 'timed out': 0, refuted: -1, failed: -1 }

/** What is worse than recorded. A claim that is refuted, or cannot be taken, is worse than anything. */
export const worse = (
  claims: readonly Claim[],
  taken: ReadonlyMap<string, Taken>,
  record: Record_,
): string[] =>
  claims.flatMap(({ check }) => {
    const answer = taken.get(check)?.answer ?? 'failed'
    const recorded = record[check]?.answer
    if (recorded === undefined) return [`${check} is not in the record: record it with --update`]
    if (STRENGTH[answer] >= STRENGTH[recorded]) return []
    return [`${check} was ${recorded} and is ${answer}`]
  })

/** Claims that were taken, written over the record. Refuses to record what is refuted. */
export const writeRecord = async (
  path: string,
  claims: readonly Claim[],
  taken: ReadonlyMap<string, Taken>,
): Promise<void> => {
  const record: Record_ = {}
  for (const { check, says, bound } of claims) {
    const answer = taken.get(check)?.answer
    if (answer === undefined || answer === 'refuted' || answer === 'failed') {
      throw new DecloudError(
        'static/not-recordable',
        `${check} is ${answer ?? 'not taken'}: nothing is recorded.`,
      )
    }
    record[check] = { says, answer, ...(bound === undefined ? {} : { bound }) }
  }
  await writeFile(path, `${JSON.stringify(record, null, 2)}\n`)
}
