import { type Deployment, makeLogDecoder, type ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type LogFilter, selectLogs } from './log-store.ts'

/**
 * @returns a reader of the stored, canonical events: of one contract or several (`address`), or of one indexed argument
 *   of theirs (`topic1`, `topic2` as 32-byte words), in chain order. What a projector refolds an entity from.
 */
export const makeEventReader = (deployment: Deployment) => {
  const decode = makeLogDecoder(deployment)
  return (db: Database, filter: LogFilter): ProtocolEvent[] =>
    selectLogs(db, filter)
      .map(decode)
      .filter((event) => event !== undefined)
}
export type EventReader = ReturnType<typeof makeEventReader>
