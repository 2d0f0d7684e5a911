import type { Chain } from '../connect.ts'
import { hostOf } from '../rpc-errors.ts'
import { readHash } from './source.ts'
import type { BlockRef } from './types.ts'

/**
 * Asks every RPC for its block at the height of a block that is final here.
 * @returns a sentence when one has another block there; `null` when none has. No answer, or a chain that has not come
 *   so far, is no disagreement.
 */
export const findDisagreement = async (chain: Chain, final: BlockRef): Promise<string | null> => {
  const hashes = await Promise.allSettled(chain.clients.map((client) => readHash(client, final.height)))
  for (const [i, result] of hashes.entries()) {
    if (result.status === 'rejected' || result.value === null || result.value === final.hash) continue
    const host = hostOf(chain.clients[i]!.transport.url ?? '')
    return `The RPC at ${host} has another finalized block ${final.height}: ${result.value} instead of ${final.hash}.`
  }
  return null
}
