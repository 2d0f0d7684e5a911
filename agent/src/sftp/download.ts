// A file of the guest as a stream: many reads are asked for ahead, so that the distance to the guest costs its time once,
// and only so many, so that a slow browser costs no memory.
import { Readable } from 'node:stream'
import type { SftpCalls } from './calls.ts'
import { explainFile, filesError } from './errors.ts'

const CHUNK_BYTES = 64 * 1024
const AHEAD = 16

export type ReadPlan = {
  path: string
  /** First byte. */
  from: number
  /** Byte after the last; null for as far as it goes: what the kernel makes up on reading has no size. */
  to: number | null
}

/** Owns the handle, and calls `release` when it has closed it: at the end, after an error, or when it is destroyed. */
export const readFile = (calls: SftpCalls, handle: Buffer, plan: ReadPlan, release: () => void): Readable => {
  const asked: { length: number; bytes: Promise<Buffer> }[] = []
  let at = plan.from
  let ended = false

  const ask = (length: number) => {
    const bytes = fill(calls, handle, at, length)
    // Whoever waits for it hears of its failure; one that nobody waits for any more fails alone.
    bytes.catch(() => undefined)
    asked.push({ length, bytes })
    at += length
  }

  const next = async (): Promise<Buffer | null> => {
    if (plan.to === null) {
      if (!ended) ask(CHUNK_BYTES)
    } else {
      while (asked.length < AHEAD && at < plan.to) ask(Math.min(CHUNK_BYTES, plan.to - at))
    }
    const first = asked.shift()
    if (first === undefined) return null
    const bytes = await first.bytes
    if (bytes.length === first.length) return bytes
    if (plan.to !== null) throw shorter(plan.path)
    ended = true
    return bytes.length === 0 ? null : bytes
  }

  return new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      next().then(
        (bytes) => this.push(bytes),
        (error: unknown) => this.destroy(explainFile(error, plan.path, 'read')),
      )
    },
    destroy(error, done) {
      const after = () => {
        release()
        done(error)
      }
      calls.close(handle).then(after, after) // a handle that cannot be closed went with its connection
    },
  })
}

/** `length` bytes, or fewer at the end of the file: a server may answer a read in parts. */
const fill = async (calls: SftpCalls, handle: Buffer, position: number, length: number): Promise<Buffer> => {
  const into = Buffer.allocUnsafeSlow(length)
  let done = 0
  while (done < length) {
    const read = await calls.read(handle, into, done, position + done)
    if (read === 0) break
    done += read
  }
  return into.subarray(0, done)
}

const shorter = (path: string) =>
  filesError('guest-failed', `${JSON.stringify(path)} became shorter while it was read.`, {
    hint: 'Download it again.',
  })
