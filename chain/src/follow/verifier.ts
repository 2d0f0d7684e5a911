// The second reading: what is final and stored is read once more, of every RPC, before anybody relies on it; and all of it
// again and again, slowly, because a wrong answer may have been given twice.
import { addressesOf, type RawLog } from '@decloud/protocol'
import type { Chain, RpcClient } from '../connect.ts'
import { hostOf, isRangeRefusal, toChainError } from '../rpc-errors.ts'
import type { LogStore } from './log-store.ts'
import { MovedError, type PlacedLog, sameLog } from './logs.ts'
import { readBlock, readFinalized, readHash, readLogs, readLogsOf } from './source.ts'
import { makeSpan } from './span.ts'
import type { BlockRef } from './types.ts'

/**
 * `none`: nothing to read, or too few RPCs that could. `same`: as it is stored, through `end`. `repair`: the store is wrong
 * from `height` on; `to` is the block before it, `null` for the first. `differ`: the RPCs contradict one another, or one
 * contradicts itself.
 */
export type Verdict =
  | { kind: 'none' }
  | { kind: 'same'; end: BlockRef }
  | { kind: 'repair'; height: bigint; to: BlockRef | null }
  | { kind: 'differ'; sentence: string }

/** With several RPCs two must tell the same, unless only one has answered for so long, and so many times. */
const ALONE_AFTER_MS = 600_000
const ALONE_AFTER_TIMES = 20

export const makeVerifier = (chain: Chain, store: LogStore) => {
  const addresses = addressesOf(chain.deployment)
  const first = BigInt(chain.deployment.fromBlock)
  const span = makeSpan(2_000n, 10_000n)
  let together = chain.pace.now()
  let alone = 0

  /** The newest block that is final here and processed. */
  const solid = (): BlockRef | null => {
    const { finalized } = store.finality()
    return finalized === null ? null : store.blockThrough(finalized)
  }

  /** What each RPC answers, one after the other. Who does not answer is left out; when nobody does, the failure is thrown. */
  const askAll = async <answer>(
    what: string,
    use: (client: RpcClient) => Promise<answer>,
    of = chain.clients,
  ) => {
    const answers: { client: RpcClient; answer: answer }[] = []
    let failure: unknown = new MovedError('no RPC has come so far')
    for (const client of of) {
      try {
        answers.push({ client, answer: await chain.ask(client, what, use) })
      } catch (error) {
        failure = error
      }
    }
    if (answers.length === 0) throw failure
    return answers
  }

  const readPiece = async (client: RpcClient, from: bigint, to: bigint, known: BlockRef) => {
    try {
      return await readLogs(client, { addresses, from, to }, known)
    } catch (error) {
      if (isRangeRefusal(toChainError('read logs again', client.transport.url ?? '', error))) span.narrow()
      throw error
    }
  }

  const isEnough = (answers: number): boolean => {
    if (answers > 1) together = chain.pace.now()
    alone = answers > 1 ? 0 : alone + 1
    const given = alone > ALONE_AFTER_TIMES && chain.pace.now() - together > ALONE_AFTER_MS
    return answers > 1 || chain.clients.length === 1 || given
  }

  /** The verdict on blocks from `from` on, at most through `until`. */
  const compare = async (from: bigint, until: bigint, known: BlockRef): Promise<Verdict> => {
    const finals = await askAll('read the finalized block', readFinalized)
    const able = finals.filter(({ answer }) => answer >= from)
    if (able.length === 0) return { kind: 'none' }
    const ends = [until, from + span.size() - 1n, ...able.map(({ answer }) => answer)]
    const to = ends.reduce((least, end) => (end < least ? end : least))
    const clients = able.map(({ client }) => client)
    const readings = await askAll('read logs again', (client) => readPiece(client, from, to, known), clients)
    const stored = store.logsBetween(from, to)
    for (const { client, answer } of readings) {
      const height = firstDifference(stored, answer.logs)
      if (height !== null) return judge(height, client, known, answer.logs)
    }
    const [one] = readings
    if (one === undefined || !isEnough(readings.length)) return { kind: 'none' }
    span.widen(one.answer.logs.length)
    return { kind: 'same', end: one.answer.end }
  }

  const readOne = async (client: RpcClient, height: bigint, known: BlockRef): Promise<RawLog[]> => {
    const logs = await readLogsOf(client, addresses, await readBlock(client, height))
    if ((await readHash(client, known.height)) !== known.hash) throw new MovedError('it is another chain')
    return logs
  }

  /** One block that `suspect` told otherwise than it is stored: each RPC is asked for it by its hash. */
  const judge = async (height: bigint, suspect: RpcClient, known: BlockRef, told: readonly PlacedLog[]) => {
    const opinions = await askAll('read a block again', (client) => readOne(client, height, known))
    const [one] = opinions as [(typeof opinions)[number]]
    const odd = opinions.find(({ answer }) => !sameLogs(answer, one.answer))
    if (odd !== undefined) return differ(height, [one.client, odd.client])
    const second = told.filter((log) => log.blockNumber === height)
    // All are of one mind now. That of the store: then the second reading was wrong. Another one: then the store is, if
    // that mind was told twice, by one or by two.
    const twice = chain.clients.length > 1 ? isEnough(opinions.length) : sameLogs(one.answer, second)
    if (!twice || sameLogs(one.answer, store.logsBetween(height, height))) return differ(height, [suspect])
    return {
      kind: 'repair',
      height,
      to: height > first ? await below(one.client, height, known) : null,
    } as const
  }

  const below = (client: RpcClient, height: bigint, known: BlockRef) =>
    chain.ask(client, 'read a block', async (one) => {
      const block = await readBlock(one, height - 1n)
      if ((await readHash(one, known.height)) !== known.hash) throw new MovedError('it is another chain')
      return block
    })

  return {
    /** How many final blocks have been read only once. */
    due: (): bigint => {
      const known = solid()
      const { verified } = store.finality()
      return known === null ? 0n : known.height - (verified ?? first - 1n)
    },
    /** Reads on where the second reading stands. */
    verify: async (): Promise<Verdict> => {
      const known = solid()
      const { verified } = store.finality()
      const from = verified === null ? first : verified + 1n
      return known === null || from > known.height ? { kind: 'none' } : compare(from, known.height, known)
    },
    isRoundOver: (): boolean => {
      const { verified, reread } = store.finality()
      return verified !== null && reread !== null && reread >= verified
    },
    /** Reads on where the round of reading everything again stands; after a round the next begins. */
    reread: async (): Promise<Verdict> => {
      const known = solid()
      const { verified, reread } = store.finality()
      if (known === null || verified === null) return { kind: 'none' }
      const from = reread === null || reread >= verified ? first : reread + 1n
      return from > verified ? { kind: 'none' } : compare(from, verified, known)
    },
  }
}

const differ = (height: bigint, clients: readonly RpcClient[]) => {
  const hosts = clients.map((client) => hostOf(client.transport.url ?? ''))
  const sentence =
    hosts.length === 1
      ? `The RPC at ${hosts[0]} does not always tell the same logs of block ${height}.`
      : `The RPCs at ${hosts.join(' and ')} tell different logs of block ${height}.`
  return { kind: 'differ', sentence } as const
}

const sameLogs = (one: readonly PlacedLog[], other: readonly PlacedLog[]) =>
  one.length === other.length && one.every((log, i) => sameLog(log, other[i]!))

/** The height of the first log that only one of them has, or has in another way. */
const firstDifference = (one: readonly PlacedLog[], other: readonly PlacedLog[]): bigint | null => {
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    const [a, b] = [one[i], other[i]]
    if (a === undefined || b === undefined) return (a ?? b)!.blockNumber
    if (!sameLog(a, b)) return a.blockNumber < b.blockNumber ? a.blockNumber : b.blockNumber
  }
  return null
}
