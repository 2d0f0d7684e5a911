import { readFile } from 'node:fs/promises'
import { DecloudError } from '@decloud/protocol'
import { z } from 'zod'

/** One complaint of one analyser. `at` is `Contract.function`, a state variable or a contract. */
export type Finding = { tool: string; check: string; at: string; text: string }

const triageSchema = z.array(
  z.strictObject({
    tool: z.enum(['slither', 'forge-lint']),
    check: z.string().min(1),
    reason: z.string().min(20),
    /** Where, and how often there. */
    at: z.record(z.string(), z.int().positive()),
  }),
)
export type Triage = z.infer<typeof triageSchema>

/** The findings that have been looked at, each with the reason why it is none. */
export const readTriage = async (path: string): Promise<Triage> => {
  const parsed = triageSchema.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (parsed.success) return parsed.data
  throw new DecloudError(
    'static/bad-triage',
    `${path} is not a triage file: ${z.prettifyError(parsed.error)}`,
  )
}

const keyOf = ({ tool, check, at }: Omit<Finding, 'text'>) => `${tool} ${check} ${at}`

/**
 * What nobody has explained, and what is explained but gone. Both are failures: an explanation that outlives its finding
 * would cover the next one.
 * @param tools Those that ran: entries of others are not judged.
 */
export const judge = (findings: readonly Finding[], triage: Triage, tools: ReadonlySet<string>) => {
  const explained = new Map<string, number>()
  for (const { tool, check, at } of triage) {
    if (!tools.has(tool)) continue
    for (const [place, count] of Object.entries(at)) {
      const key = keyOf({ tool, check, at: place })
      explained.set(key, (explained.get(key) ?? 0) + count)
    }
  }
  const unexplained: Finding[] = []
  for (const finding of findings) {
    const left = explained.get(keyOf(finding)) ?? 0
    if (left === 0) unexplained.push(finding)
    else explained.set(keyOf(finding), left - 1)
  }
  const stale = [...explained].filter(([, left]) => left > 0).map(([key]) => key)
  return { unexplained, stale }
}
