/** One thing that was looked at. `expected` says what it had to be, where it had to be something. */
export type Finding = { topic: string; what: string; value: string; ok: boolean; expected?: string }

const lineOf = ({ what, value, ok, expected }: Finding) =>
  `  ${ok ? ' ' : '!'} ${what.padEnd(34)} ${value}${ok ? '' : `   UNEXPECTED, must be ${expected}`}`

export const printFindings = (findings: readonly Finding[]): void => {
  let topic = ''
  for (const finding of findings) {
    if (finding.topic !== topic) console.log(`\n${finding.topic}`)
    topic = finding.topic
    console.log(lineOf(finding))
  }
  const bad = findings.filter(({ ok }) => !ok).length
  console.log(bad === 0 ? '\nnothing unexpected' : `\n${bad} unexpected`)
}
