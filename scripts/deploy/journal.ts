// What Ignition wrote down about a deployment: a line of JSON for every step, kept for resuming.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import { z } from 'zod'

const confirmed = z.object({
  type: z.literal('TRANSACTION_CONFIRM'),
  receipt: z.object({ blockNumber: z.int().nonnegative() }),
})

/**
 * The block of the first transaction of a deployment, however often that was resumed.
 * @throws DecloudError `journal-unreadable`.
 */
export const firstBlockOf = async (directory: string): Promise<number> => {
  const file = join(directory, 'journal.jsonl')
  const fail = (cause?: unknown) =>
    new DecloudError('journal-unreadable', `${file} names no confirmed transaction.`, { cause })
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw fail(cause)
  })
  const blocks = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => confirmed.safeParse(JSON.parse(line)))
    .flatMap((parsed) => (parsed.success ? [parsed.data.receipt.blockNumber] : []))
  if (blocks.length === 0) throw fail()
  return Math.min(...blocks)
}
