// Several RPCs, held against one another.
import type { Chain, RpcClient } from '../connect.ts'
import { ChainError } from '../errors.ts'
import { hostOf } from '../rpc-errors.ts'
import { readHash, readHead } from './source.ts'
import type { BlockRef } from './types.ts'

/** A head that is so many blocks higher is worth changing the RPC for. */
const AHEAD_BLOCKS = 3n

export type Agreement = {
  /** A sentence when one has another final block, or serves something else altogether; `null` when none does. */
  disagreement: string | null
  /** Index of the client to ask first: the preferred one, or one that is well ahead of it. */
  first: number
}

type Look = { head: bigint; hash: string | null } | { error: ChainError }

const lookAt = async (chain: Chain, client: RpcClient, final: BlockRef | null): Promise<Look> => {
  try {
    return await chain.ask(client, 'compare the RPCs', async (one) => ({
      head: (await readHead(one)).height,
      hash: final === null ? null : await readHash(one, final.height),
    }))
  } catch (error) {
    if (error instanceof ChainError) return { error }
    throw error
  }
}

/**
 * Asks every RPC for its head and for its block at the height of a block that is final here. No answer, or a chain that
 * has not come so far, is no disagreement.
 */
export const compareRpcs = async (chain: Chain, final: BlockRef | null): Promise<Agreement> => {
  const looks = await Promise.all(chain.clients.map((client) => lookAt(chain, client, final)))
  const hosts = chain.clients.map((client) => hostOf(client.transport.url ?? ''))
  const heads = looks.map((look) => ('head' in look ? look.head : -1n))
  const highest = heads.reduce((most, head) => (head > most ? head : most))
  const first = heads[0]! + AHEAD_BLOCKS > highest ? 0 : heads.indexOf(highest)
  for (const [i, look] of looks.entries()) {
    if ('error' in look) {
      if (!look.error.retryable) return { disagreement: look.error.sentence, first }
      continue
    }
    if (final === null || look.hash === null || look.hash === final.hash) continue
    const disagreement = `The RPC at ${hosts[i]} has another finalized block ${final.height}: ${look.hash} instead of ${final.hash}.`
    return { disagreement, first }
  }
  return { disagreement: null, first }
}
