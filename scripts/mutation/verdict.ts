// What a run of mutants says about the tests.
import type { Mutant } from './mutants.ts'

const LEAST_KILLED = 0.95

/** A survivor's name in the file of reasons: its path, and its name in there. */
const keyOf = ({ path, id }: Mutant): string => `${path.replace('contracts/src/', '')} ${id}`

export const survivorsOf = (done: readonly Mutant[], lives: (mutant: Mutant) => boolean): Mutant[] =>
  done.filter(lives)

type Findings = {
  done: readonly Mutant[]
  survivors: readonly Mutant[]
  reasons: Readonly<Record<string, string>>
  /** Every mutant was judged, so that the share can be asked for, and reasons can be found idle. */
  isWhole: boolean
}

/** What has to be done before the run passes, a sentence each. */
export const verdict = ({ done, survivors, reasons, isWhole }: Findings): string[] => {
  const unexplained = survivors.filter((mutant) => (reasons[keyOf(mutant)] ?? '').trim() === '')
  const alive = new Set(survivors.map(keyOf))
  const idle = Object.keys(reasons).filter((key) => !alive.has(key))
  const share = 1 - survivors.length / done.length
  return [
    ...unexplained.map(
      (mutant) => `no test notices ${mutant.path}:${mutant.line} ${keyOf(mutant)}: write one, or say why not`,
    ),
    ...(isWhole ? idle.map((key) => `a reason is given for what does not survive: ${key}`) : []),
    ...(isWhole && share < LEAST_KILLED
      ? [`${(share * 100).toFixed(1)} % killed, ${LEAST_KILLED * 100} % are asked for`]
      : []),
  ]
}

/** What is recorded of a whole run. */
export const resultOf = (
  done: readonly Mutant[],
  survivors: readonly Mutant[],
  reasons: Readonly<Record<string, string>>,
) => {
  const contracts: Record<string, { killed: number; total: number }> = {}
  for (const mutant of done) {
    const count = contracts[mutant.path] ?? { killed: 0, total: 0 }
    const killed = survivors.includes(mutant) ? 0 : 1
    contracts[mutant.path] = { killed: count.killed + killed, total: count.total + 1 }
  }
  return {
    killed: done.length - survivors.length,
    total: done.length,
    contracts,
    survivors: Object.fromEntries(
      survivors.map((mutant) => [keyOf(mutant), reasons[keyOf(mutant)] ?? 'not explained']),
    ),
  }
}
