// History for a command: what the agent of this machine has stored of it, the rest from the RPC, with a word when that lasts.
import { join } from 'node:path'
import { type Chain, openStoredLogs, type Past } from '@decloud/chain'
import type { Io } from '../verb.ts'

/** Nobody is told of what is done by then, and of the rest every so often. */
const PATIENCE_MS = 3_000

/** @param dataDir of an agent, running or not; without its database all of it is asked of the RPC. */
export const withPast = async <result>(
  io: Pick<Io, 'say'>,
  chain: Chain,
  dataDir: string,
  body: (past: Past) => Promise<result>,
): Promise<result> => {
  const stored = await openStoredLogs(chain, join(dataDir, 'agent.db'))
  let saidAt = Date.now()
  try {
    return await body({
      stored,
      onRange: (blocks, of) => {
        if (Date.now() - saidAt < PATIENCE_MS) return
        saidAt = Date.now()
        io.say(`reading the history: ${blocks} of ${of} blocks …`)
      },
    })
  } finally {
    stored?.close()
  }
}
