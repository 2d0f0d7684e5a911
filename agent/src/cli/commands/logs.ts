import { load } from '../../config/config.ts'
import { AgentError } from '../../lib/errors.ts'
import { readLogFile } from '../../logs/file.ts'
import { inJournal, readJournal } from '../../logs/journal.ts'
import { LEVEL_NAMES, type LineFilter, passes, pretty } from '../../logs/line.ts'
import { sinceOf } from '../since.ts'
import { EXIT, makeVerb, UsageError, wholeNumber } from '../verb.ts'

const USUAL = '200'

/** The agent's log: of systemd's journal when the agent is its unit, else of the file that the configuration names. */
export const logs = makeVerb({
  about:
    'Made for reading; with --json the lines are as the agent wrote them. What happened to leases: `events`.',
  options: {
    since: { type: 'string', argument: 'WHEN', about: '90s, 30m, 2h, 7d ago, or a date' },
    lines: { type: 'string', argument: 'N', about: `how many at most; ${USUAL}` },
    level: { type: 'string', argument: 'LEVEL', about: 'this one and worse: debug, info, warn, error' },
    follow: { type: 'boolean', about: 'go on with those that come, until Ctrl-C' },
  },
  examples: ['decloud-node logs --since 1h --level warn', 'decloud-node logs --follow --json | jq .msg'],
  run: async (io, options) => {
    const { level } = options
    if (level !== undefined && !LEVEL_NAMES.includes(level))
      throw new UsageError(`--level takes one of ${LEVEL_NAMES.join(', ')}, not "${level}".`)
    const filter: LineFilter = {
      ...(level === undefined ? {} : { level }),
      ...(options.since === undefined ? {} : { sinceMs: sinceOf(options.since, Date.now()) }),
    }
    const wanted = {
      lines: wholeNumber('lines', options.lines ?? USUAL, 1, 100_000),
      follow: options.follow === true,
      passes: (line: string) => passes(line, filter),
    }
    const tell = (line: string) => io.line(io.json ? line : pretty(line))
    const { logFile } = load(io.env, io.given, []).config
    if (logFile !== undefined) await readLogFile(logFile, wanted, io.signal, tell)
    else if (await inJournal()) await readJournal({ ...wanted, ...filter }, io.signal, tell)
    else throw nowhere()
    return EXIT.done
  },
})

const nowhere = () =>
  new AgentError(
    'log-nowhere',
    'The agent of this machine is no unit of systemd, and no logFile is configured.',
    {
      hint: 'Its log went to where it was started from; set logFile (DECLOUD_LOG_FILE) to keep it.',
    },
  )
