// What Ignition wrote down about a deployment: a line of JSON for every step, kept for resuming.
import { readFile, rename, truncate, writeFile } from 'node:fs/promises'
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

const wiped = z.object({ type: z.literal('WIPE_APPLY'), futureId: z.string() })

/** The lines that give a future its address, or take it away. */
const addressed = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('DEPLOYMENT_EXECUTION_STATE_COMPLETE'),
    futureId: z.string(),
    result: z.object({ type: z.literal('SUCCESS'), address: z.string() }),
  }),
  z.object({
    type: z.literal('CONTRACT_AT_EXECUTION_STATE_INITIALIZE'),
    futureId: z.string(),
    contractAddress: z.string(),
  }),
  wiped,
])

const linesOf = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

const textOf = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })

const isJson = (line: string): boolean => {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

/**
 * Puts right what a kill or a power cut left half written in Ignition's folder. A torn last line of the journal is cut
 * off, and nothing is lost: what is about to be sent is written down before, and what was sent is found on the chain.
 * The list of addresses, which Ignition writes over in place after the journal, is written anew.
 */
export const mendJournal = async (directory: string): Promise<void> => {
  const file = join(directory, 'journal.jsonl')
  const text = await textOf(file)
  if (text === '') return
  const whole = text.slice(0, Math.max(0, text.lastIndexOf('\n')))
  const torn = !isJson(text.slice(whole.length).trim() || 'null')
  if (torn) await truncate(file, Buffer.byteLength(whole))
  const addresses: Record<string, string> = {}
  for (const line of linesOf(torn ? whole : text)) {
    const { data } = addressed.safeParse(line)
    if (data?.type === 'WIPE_APPLY') delete addresses[data.futureId]
    else if (data?.type === 'DEPLOYMENT_EXECUTION_STATE_COMPLETE')
      addresses[data.futureId] = data.result.address
    else if (data !== undefined) addresses[data.futureId] = data.contractAddress
  }
  const list = join(directory, 'deployed_addresses.json')
  await writeFile(`${list}.new`, `${JSON.stringify(addresses, null, 2)}\n`)
  await rename(`${list}.new`, list)
}

/** A transaction that a step of the deployment, its future, was about to send. */
export type Unsent = { future: string; nonce: number }

/** What was about to be sent for the first time when the journal ends, or breaks off. None without a journal. */
export const unsentOf = async (directory: string): Promise<Unsent[]> => {
  /** Of each future its interactions with the chain: the nonce of one that is prepared, null for one that was sent. */
  const futures = new Map<string, Map<number, number | null>>()
  for (const line of linesOf(await textOf(join(directory, 'journal.jsonl')))) {
    const wipe = wiped.safeParse(line)
    if (wipe.success) futures.delete(wipe.data.futureId)
    const { data } = step.safeParse(line)
    if (data === undefined) continue
    const { type, futureId, networkInteractionId: id, nonce } = data
    const interactions = futures.get(futureId) ?? new Map<number, number | null>()
    futures.set(futureId, interactions)
    // Prepared once more after it was sent is the same with more gas: Ignition looks after the first.
    if (type === 'TRANSACTION_SEND') interactions.set(id, null)
    else if (interactions.get(id) !== null) interactions.set(id, nonce)
  }
  return [...futures].flatMap(([future, interactions]) =>
    [...interactions.values()].flatMap((nonce) => (nonce === null ? [] : [{ future, nonce }])),
  )
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
