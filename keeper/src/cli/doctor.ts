import type { Finding } from '@decloud/service/doctor'
import { examine } from '../doctor/examine.ts'
import { EXIT, type Verb } from './verb.ts'

const MARKS = { ok: 'ok   ', note: 'note ', fault: 'FAULT' } as const

const line = ({ check, level, found, todo }: Finding) =>
  `${MARKS[level]} ${check}: ${found}${todo === '' ? '' : `\n      → ${todo}`}`

export const doctorVerb: Verb = {
  about: 'Beside a running keeper it asks that one too. Exit code 1 when there is a fault.',
  run: async ({ load, say }) => {
    const findings = await examine(load)
    const faults = findings.filter(({ level }) => level === 'fault').length
    const last = faults === 0 ? 'No fault found.' : `${faults} ${faults === 1 ? 'fault' : 'faults'}.`
    say([...findings.map(line), last].join('\n'), { faults, findings })
    return faults === 0 ? EXIT.done : EXIT.failed
  },
}
