import { type Deployment, makeLogDecoder, type ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type LogFilter, selectLogs, selectLogsAfter } from './log-store.ts'

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

/** All stored events in chain order, at most `size` logs at a time. */
export function* readEventsAfter(
  db: Database,
  deployment: Deployment,
  size: number,
): Generator<readonly ProtocolEvent[]> {
  const decode = makeLogDecoder(deployment)
  let after = { block: -1, logIndex: -1 }
  for (;;) {
    const logs = selectLogsAfter(db, after, size)
    const last = logs.at(-1)
    if (last === undefined) return
    yield logs.map(decode).filter((event) => event !== undefined)
    after = { block: Number(last.blockNumber), logIndex: last.logIndex }
  }
}
