import { examine } from '../../doctor/examine.ts'
import type { Finding } from '../../doctor/finding.ts'
import { EXIT, makeVerb, wholeNumber } from '../verb.ts'

const MARKS = { ok: 'ok     ', warn: 'warn   ', fail: 'FAIL   ', unknown: 'unknown' } as const
const DAY = 86_400

const line = ({ check, level, found, todo }: Finding) =>
  `${MARKS[level]} ${check}: ${found}${todo === '' ? '' : `\n        → ${todo}`}`

const count = (findings: readonly Finding[], level: Finding['level']) =>
  findings.filter((finding) => finding.level === level).length

export const doctor = makeVerb({
  about:
    'Works beside a running agent and without one, and changes nothing. Exit code 1 when something has to be done first.',
  options: {
    'max-block-age': {
      type: 'string',
      argument: 'SECONDS',
      about: 'how old the newest block may be; 120, and no limit on a development chain',
    },
  },
  examples: [
    'decloud-node doctor',
    'decloud-node doctor --json | jq ".findings[] | select(.level == \\"fail\\")"',
  ],
  run: async (io, options) => {
    const age = options['max-block-age']
    const limit = age === undefined ? {} : { maxHeadAgeMs: wholeNumber('max-block-age', age, 1, DAY) * 1_000 }
    const findings = await examine({ env: io.env, given: io.given, ...limit }, io.signal)
    const counts = {
      fail: count(findings, 'fail'),
      warn: count(findings, 'warn'),
      unknown: count(findings, 'unknown'),
    }
    const last =
      counts.fail === 0
        ? `No fault found; ${counts.warn} to know of, ${counts.unknown} unknown.`
        : `${counts.fail} to set right, ${counts.warn} to know of, ${counts.unknown} unknown.`
    io.result({ ...counts, findings }, [...findings.map(line), last].join('\n'))
    return counts.fail === 0 ? EXIT.done : EXIT.failed
  },
})
