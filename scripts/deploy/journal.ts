// What Ignition wrote down about a deployment: a line of JSON for every step, kept for resuming.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import { z } from 'zod'

const confirmed = z.object({
  type: z.literal('TRANSACTION_CONFIRM'),
  receipt: z.object({ blockNumber: z.int().nonnegative() }),
})

const step = z.object({
  type: z.enum(['TRANSACTION_PREPARE_SEND', 'TRANSACTION_SEND']),
  futureId: z.string(),
  networkInteractionId: z.int(),
  nonce: z.int().nonnegative(),
})

const linesOf = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

/** Nonces of transactions that were about to be sent when the journal ends, or breaks off. None without a journal. */
export const unsentNoncesOf = async (directory: string): Promise<number[]> => {
  const text = await readFile(join(directory, 'journal.jsonl'), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    },
  )
  const prepared = new Map<string, number>()
  for (const line of linesOf(text)) {
    const { success, data } = step.safeParse(line)
    if (!success) continue
    const key = `${data.futureId} ${data.networkInteractionId}`
    if (data.type === 'TRANSACTION_SEND') prepared.delete(key)
    else prepared.set(key, data.nonce)
  }
  return [...prepared.values()]
}

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
  const blocks = linesOf(text)
    .map((line) => confirmed.safeParse(line))
    .flatMap((parsed) => (parsed.success ? [parsed.data.receipt.blockNumber] : []))
  if (blocks.length === 0) throw fail()
  return Math.min(...blocks)
}
