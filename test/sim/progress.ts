// How far a long run has come, so that it can be broken off and taken up again.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'

const FILE = new URL('../../build/sim/progress.json', import.meta.url)
const schema = z.strictObject({ from: z.int(), seeds: z.int(), done: z.int(), failed: z.array(z.int()) })
export type Progress = z.output<typeof schema>

/** @returns where the run of these very seeds stopped; the start of it when there is none to go on with. */
export const readProgress = (from: number, seeds: number): Progress => {
  const fresh = { from, seeds, done: 0, failed: [] }
  let text: string
  try {
    text = readFileSync(FILE, 'utf8')
  } catch {
    // None was left.
    return fresh
  }
  const found = schema.safeParse(JSON.parse(text))
  const same = found.success && found.data.from === from && found.data.seeds === seeds
  return same && found.data.done < seeds ? found.data : fresh
}

export const writeProgress = (progress: Progress): void => {
  mkdirSync(new URL('.', FILE), { recursive: true })
  writeFileSync(FILE, `${JSON.stringify(progress)}\n`)
}
