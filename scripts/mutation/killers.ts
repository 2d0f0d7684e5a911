// Which test noticed a mutant last time: asked first, it settles most of them again without the rest.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { writeWhole } from '../contracts/journal.ts'
import type { Mutant } from './mutants.ts'

/** Tests that noticed neighbours, asked about a mutant that none has noticed before. */
const NEIGHBOURS = 12

export type Killers = {
  /** The names of tests that are likely to notice it. */
  of(mutant: Mutant): ReadonlySet<string>
  note(mutant: Mutant, test: string): void
  /** Adds what was noted to what others have written meanwhile. */
  save(): void
}

const keyOf = ({ path, id }: Mutant): string => `${path} ${id}`

const read = (file: string): Record<string, string> =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {}

/** A hint only: whoever is named here has to notice the mutant again. */
export const openKillers = (file: string): Killers => {
  const known = new Map(Object.entries(read(file)))
  const noted: Record<string, string> = {}
  const recent = new Map<string, string[]>()
  return {
    of: (mutant) => {
      const last = known.get(keyOf(mutant))
      return new Set(last === undefined ? (recent.get(mutant.path) ?? []) : [last])
    },
    note: (mutant, test) => {
      noted[keyOf(mutant)] = test
      const others = (recent.get(mutant.path) ?? []).filter((other) => other !== test)
      recent.set(mutant.path, [test, ...others].slice(0, NEIGHBOURS))
    },
    save: () => {
      mkdirSync(dirname(file), { recursive: true })
      writeWhole(file, { ...read(file), ...noted })
    },
  }
}
