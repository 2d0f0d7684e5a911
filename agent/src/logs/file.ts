// The log in a file, from its end, and on as it grows.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { AgentError } from '../lib/errors.ts'
import { pause } from '../lib/pause.ts'

const LOOK_MS = 250

export type Wanted = {
  readonly lines: number
  passes(line: string): boolean
  readonly follow: boolean
}

/** @throws AgentError `log-unreadable`. */
export const readLogFile = async (
  path: string,
  wanted: Wanted,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<void> => {
  const last: string[] = []
  let at = await readFrom(path, 0, signal, (line) => {
    if (!wanted.passes(line)) return
    last.push(line)
    if (last.length > wanted.lines) last.shift()
  })
  for (const line of last) tell(line)
  while (wanted.follow && !signal.aborted) {
    await pause(LOOK_MS, signal)
    at = await readOn(path, at, signal, (line) => {
      if (wanted.passes(line)) tell(line)
    })
  }
}

type Place = { readonly inode: bigint; readonly offset: number }

/** What has come since; a file that was rotated, or cut, is read from its beginning. */
const readOn = async (
  path: string,
  { inode, offset }: Place,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<Place> => {
  const now = await stat(path, { bigint: true }).catch(() => null) // between two files, for a moment
  if (now === null) return { inode, offset }
  const from = now.ino === inode && Number(now.size) >= offset ? offset : 0
  return Number(now.size) === from && now.ino === inode
    ? { inode, offset: from }
    : readFrom(path, from, signal, tell)
}

/** Whole lines only: what the last one still lacks is read with it. @returns where the next line begins. */
const readFrom = async (
  path: string,
  offset: number,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<Place> => {
  try {
    const { ino, size } = await stat(path, { bigint: true })
    const end = Number(size)
    if (end === offset) return { inode: ino, offset }
    const stream = createReadStream(path, { start: offset, end: end - 1 })
    const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
    let read = offset
    for await (const line of lines) {
      if (signal.aborted) break
      const next = read + Buffer.byteLength(line) + 1
      if (next > end) break
      read = next
      tell(line)
    }
    stream.destroy()
    return { inode: ino, offset: read }
  } catch (cause) {
    throw new AgentError('log-unreadable', `The log ${path} cannot be read.`, {
      hint: 'The agent makes it when it starts with this logFile; run this as a user who may read it.',
      cause,
    })
  }
}
