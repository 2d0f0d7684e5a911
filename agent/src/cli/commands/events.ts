import { join } from 'node:path'
import { load } from '../../config/config.ts'
import { EVENTS_FILE } from '../../events/event-log.ts'
import { type EventQuery, readEvents, type StoredEvent } from '../../events/event-reader.ts'
import { pause } from '../../lib/pause.ts'
import { sinceOf } from '../since.ts'
import { EXIT, type Io, makeVerb, UsageError, wholeNumber } from '../verb.ts'

const FOLLOW_MS = 500
const AT_ONCE = 1_000
const USUAL = '200'

/** What happened on this node, from its database: it need not run. */
export const events = makeVerb({
  about: 'Reads the event log in the data folder, whether the agent runs or not. The newest come last.',
  options: {
    since: { type: 'string', argument: 'WHEN', about: '90s, 30m, 2h, 7d ago, or a date' },
    lease: { type: 'string', argument: 'ID', about: 'of one lease; the beginning of its id is enough' },
    kind: { type: 'string', argument: 'KINDS', about: 'kinds or their groups, by commas: vm,outage.begun' },
    lines: { type: 'string', argument: 'N', about: `how many at most; ${USUAL}` },
    follow: { type: 'boolean', about: 'go on with those that come, until Ctrl-C' },
  },
  examples: ['decloud-node events --since 2h --kind outage,disk', 'decloud-node events --follow --json'],
  run: async (io, options) => {
    const path = join(load(io.env, io.given, []).config.dataDir, EVENTS_FILE)
    const query: EventQuery = {
      most: wholeNumber('lines', options.lines ?? USUAL, 1, 100_000),
      ...(options.since === undefined ? {} : { sinceMs: sinceOf(options.since, Date.now()) }),
      ...(options.lease === undefined ? {} : { leaseId: leaseOf(options.lease) }),
      ...(options.kind === undefined ? {} : { kinds: options.kind.split(',').filter((kind) => kind !== '') }),
    }
    const before = newestOf(path)
    const found = readEvents(path, query)
    if (!options.follow) {
      io.result({ events: found }, found.length === 0 ? 'no such events' : found.map(lineOf).join('\n'))
      return EXIT.done
    }
    for (const event of found) io.result(event, lineOf(event))
    await follow(io, path, query, Math.max(before, found.at(-1)?.id ?? 0))
    return EXIT.done
  },
})

const leaseOf = (text: string): string => {
  if (/^0x[0-9a-fA-F]{1,64}$/.test(text)) return text
  throw new UsageError(`--lease takes 0x and up to 64 hex digits, not "${text}".`)
}

const newestOf = (path: string): number => readEvents(path, { most: 1 })[0]?.id ?? 0

const follow = async (io: Io, path: string, { sinceMs: _, ...query }: EventQuery, from: number) => {
  let last = from
  while (!io.signal.aborted) {
    const newest = newestOf(path)
    // The file is another one: the one before was damaged, or its folder was cleared.
    if (newest < last) last = 0
    const found = readEvents(path, { ...query, afterId: last, most: AT_ONCE })
    for (const event of found) io.result(event, lineOf(event))
    last = found.length === AT_ONCE ? found.at(-1)!.id : Math.max(last, newest, found.at(-1)?.id ?? 0)
    await pause(FOLLOW_MS, io.signal)
  }
}

const lineOf = ({ atMs, kind, leaseId, by, message }: StoredEvent): string => {
  const at = new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')
  const whose = leaseId === null ? '' : ` ${leaseId.slice(0, 10)}…`
  return `${at} ${kind.padEnd(20)}${whose} ${message}${by === null ? '' : ` (by ${by})`}`
}
