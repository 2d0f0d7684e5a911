// Seeds that failed once. They are kept for ever and run first, by everybody.
import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'

const FILE = new URL('./failed-seeds.json', import.meta.url)

const schema = z.array(
  z.strictObject({ seed: z.int().nonnegative(), found: z.iso.date(), problem: z.string() }),
)
export type FailedSeed = z.output<typeof schema>[number]

export const readFailed = (): FailedSeed[] => schema.parse(JSON.parse(readFileSync(FILE, 'utf8')))

/** One that is known stays as it was found. */
export const keepFailed = (seed: number, problem: string): void => {
  const known = readFailed()
  if (known.some((one) => one.seed === seed)) return
  const found = new Date().toISOString().slice(0, 10)
  // The first line tells; what follows it is in the trace.
  const all = [...known, { seed, found, problem: problem.split('\n')[0]!.slice(0, 160) }]
  all.sort((a, b) => a.seed - b.seed)
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`)
}
