// What happened in a seed, in order; two runs of one seed have the same hash or something was left to chance.
import { createHash } from 'node:crypto'

export type Trace = {
  note(line: string): void
  hash(): string
  lines: number
}

/** @param print shows each line as it happens. */
export const makeTrace = (print: ((line: string) => void) | null): Trace => {
  const digest = createHash('sha256')
  const trace = {
    lines: 0,
    note: (line: string) => {
      trace.lines += 1
      digest.update(`${line}\n`)
      print?.(line)
    },
    hash: () => digest.copy().digest('hex'),
  }
  return trace
}
