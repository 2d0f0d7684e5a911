import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import { z } from 'zod'
import type { Claim } from './claims.ts'
import type { Answer, Taken } from './halmos.ts'

const answersSchema = z.record(
  z.string(),
  z.strictObject({
    says: z.string(),
    answer: z.enum(['proved', 'bounded', 'timed out']),
    bound: z.string().optional(),
    /** Of the bytecode that was under proof, contracts included. */
    code: z.string(),
  }),
)
export type Answers = z.infer<typeof answersSchema>

export const readAnswers = async (path: string): Promise<Answers> => {
  const parsed = answersSchema.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (parsed.success) return parsed.data
  throw new DecloudError(
    'static/bad-record',
    `${path} is not a record of claims: ${z.prettifyError(parsed.error)}`,
  )
}

/** SHA-256 of the bytecode behind each contract of claims: the contracts that it deploys are part of its own. */
export const codeUnderProof = async (project: string): Promise<Map<string, string>> => {
  const codes = new Map<string, string>()
  for (const folder of await readdir(join(project, 'out'))) {
    if (!folder.endsWith('.check.sol')) continue
    for (const file of await readdir(join(project, 'out', folder))) {
      const text = await readFile(join(project, 'out', folder, file), 'utf8')
      const { bytecode } = z.object({ bytecode: z.object({ object: z.string() }) }).parse(JSON.parse(text))
      codes.set(file.replace('.json', ''), createHash('sha256').update(bytecode.object).digest('hex'))
    }
  }
  return codes
}

const STRENGTH: Record<Answer, number> = { proved: 2, bounded: 1, 'timed out': 0, refuted: -1, failed: -1 }

/**
 * What is worse than recorded. A slow machine is no loss: what timed out is worse only when the bytecode is another one
 * than that of the record.
 */
export const worse = (
  claims: readonly Claim[],
  taken: ReadonlyMap<string, Taken>,
  answers: Answers,
  codes: ReadonlyMap<string, string>,
): string[] =>
  claims.flatMap(({ check }) => {
    const answer = taken.get(check)?.answer ?? 'failed'
    const recorded = answers[check]
    if (STRENGTH[answer] < 0) return [`${check} is ${answer}`]
    if (recorded === undefined) return [`${check} is not in the record: record it with --update`]
    const same = codes.get(check.split('.')[0]!) === recorded.code
    if (STRENGTH[answer] >= STRENGTH[recorded.answer] || (answer === 'timed out' && same)) return []
    return [`${check} was ${recorded.answer} and is ${answer}`]
  })

/**
 * Records the claims that were taken. A proof of the same bytecode is not given up for a time-out; nothing is recorded
 * while a claim is refuted.
 */
export const writeAnswers = async (
  path: string,
  claims: readonly Claim[],
  taken: ReadonlyMap<string, Taken>,
  codes: ReadonlyMap<string, string>,
): Promise<void> => {
  const before = await readAnswers(path)
  const answers: Answers = {}
  for (const { check, says, bound } of claims) {
    const code = codes.get(check.split('.')[0]!) ?? ''
    const old = before[check]
    const answer = taken.get(check)?.answer
    if (answer === 'refuted' || answer === 'failed') {
      throw new DecloudError('static/not-recordable', `${check} is ${answer}: nothing is recorded.`)
    }
    if (old?.code === code && (answer === undefined || STRENGTH[answer] < STRENGTH[old.answer])) {
      answers[check] = old
    } else {
      answers[check] = {
        says,
        answer: answer ?? 'timed out',
        ...(bound === undefined ? {} : { bound }),
        code,
      }
    }
  }
  await writeFile(path, `${JSON.stringify(answers, null, 2)}\n`)
}
