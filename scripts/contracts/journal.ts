// What of a long run is done, in a directory: one file for each finished part, written under another name and moved
// into place, so that a process killed at any moment leaves whole parts or nothing, and several can work at once.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const writeWhole = (file: string, value: unknown): void => {
  mkdirSync(dirname(file), { recursive: true })
  const partial = `${file}.${process.pid}.partial`
  writeFileSync(partial, `${JSON.stringify(value, null, 2)}\n`)
  renameSync(partial, file)
}

const read = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export type Journal<part> = {
  /** What was done before, by the key of each part. */
  readonly done: Map<string, part>
  record(key: string, part: part): void
  /** The parts that others have finished meanwhile are read in. */
  refresh(): void
  remove(): void
}

const nameOf = (key: string) => `part-${encodeURIComponent(key)}.json`

/**
 * Opens the journal in `directory`, and empties it first when it is about something else.
 * @param about What a finished part depends on: sources, settings, seed.
 * @param fresh Empties it in any case.
 */
export const openJournal = <part>(directory: string, about: string, fresh: boolean): Journal<part> => {
  const head = join(directory, 'about.json')
  if (fresh || (read(head) as { about?: string } | undefined)?.about !== about) {
    rmSync(directory, { recursive: true, force: true })
  }
  mkdirSync(directory, { recursive: true })
  writeWhole(head, { about })
  const done = new Map<string, part>()
  const refresh = () => {
    for (const name of readdirSync(directory)) {
      if (!name.startsWith('part-') || !name.endsWith('.json')) continue
      const { key, part } = read(join(directory, name)) as { key: string; part: part }
      done.set(key, part)
    }
  }
  refresh()
  return {
    done,
    refresh,
    record: (key, part) => {
      writeWhole(join(directory, nameOf(key)), { key, part })
      done.set(key, part)
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** What the journal in `directory` is about, to carry a random choice over a restart. */
export const aboutOf = (directory: string): string | undefined =>
  (read(join(directory, 'about.json')) as { about?: string } | undefined)?.about
