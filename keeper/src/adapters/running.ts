// Questions to the keeper that runs on a folder.
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { healthSchema, type KeeperHealth } from '@decloud/protocol/wire/health'
import type { KeeperConfig } from '../config/config.ts'
import { type Holder, holderOf } from './store/lock.ts'

const DEADLINE_MS = 5_000

/** @throws DecloudError `keeper-absent`. */
export const runningKeeper = ({ dataDir }: KeeperConfig): Holder => {
  const holder = holderOf(dataDir)
  if (holder !== null) return holder
  throw new DecloudError('keeper-absent', `No keeper runs on ${dataDir}.`, {
    hint: 'Start it, or name the folder of the one that is meant.',
    details: { dataDir },
  })
}

/** @throws DecloudError `keeper-silent`. */
export const askHealth = async (url: string): Promise<KeeperHealth> => {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(DEADLINE_MS) })
    return healthSchema.parse(await response.json())
  } catch (cause) {
    throw new DecloudError('keeper-silent', `The keeper at ${url} gives no health: ${sentenceOf(cause)}.`, {
      hint: 'If it stays so, start it anew.',
      cause,
    })
  }
}
