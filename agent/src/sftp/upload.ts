// A stream into a file of the guest: written under a temporary name beside it and put in its place at once, so that nobody
// ever sees half a file. Many writes are under way at a time, and only so many.
import { posix } from 'node:path'
import { AgentError } from '../lib/errors.ts'
import { factsOf, type SftpCalls } from './calls.ts'
import { explainFile, filesError, isFailure, isMissing } from './errors.ts'

const CHUNK_BYTES = 32 * 1024
const AHEAD = 32
const NEW_FILE_MODE = 0o644

export type Target = {
  /** Where the file will be, every link resolved. */
  path: string
  mode: number
}

/** @throws AgentError `file-exists` when it is there and must not be, or why it cannot be written. */
export const targetOf = async (calls: SftpCalls, path: string, replace: boolean): Promise<Target> => {
  const { dir, base } = posix.parse(path)
  if (base === '') throw filesError('file-is-directory', 'The root is a directory.')
  const folder = await calls.realpath(dir)
  const there = await calls.stat(path).catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
  if (there === null) {
    // Of a link that leads nowhere the link itself is replaced.
    const parent = factsOf(await calls.stat(folder))
    if (parent.kind !== 'directory') {
      throw filesError('file-not-directory', `${JSON.stringify(dir)} is no directory.`)
    }
    return { path: posix.join(folder, base), mode: NEW_FILE_MODE }
  }
  const { kind, mode } = factsOf(there)
  const name = JSON.stringify(path)
  if (kind === 'directory') throw filesError('file-is-directory', `${name} is a directory.`)
  if (kind !== 'file') throw filesError('file-not-regular', `${name} is no regular file.`)
  if (!replace) throw filesError('file-exists', `${name} exists already.`)
  return { path: await calls.realpath(path), mode }
}

/**
 * @param part the temporary path, in the directory of the target.
 * @returns bytes written. @throws AgentError `upload-cut-off`, `guest-no-space` and the like; the part may be left then.
 */
export const writeFile = async (
  calls: SftpCalls,
  part: string,
  target: Target,
  body: AsyncIterable<Buffer>,
): Promise<number> => {
  const handle = await calls.open(part, 'wx', { mode: 0o600 })
  let size = 0
  try {
    size = await pour(calls, handle, body)
    await calls.chmod(handle, target.mode)
    // A server without the extension says so by throwing: there is nothing else it could be asked for.
    await calls.flush(handle).catch((error: unknown) => {
      if (!(error instanceof Error) || !/does not support/.test(error.message)) throw error
    })
  } catch (error) {
    await calls.close(handle).catch(() => undefined) // the first error is the one to tell
    throw await whyNot(calls, error, part, target.path)
  }
  await calls.close(handle)
  await calls.replace(part, target.path)
  return size
}

const pour = async (calls: SftpCalls, handle: Buffer, body: AsyncIterable<Buffer>): Promise<number> => {
  const waiting = new Set<Promise<void>>()
  let failure: { error: unknown } | null = null
  let position = 0
  const write = (bytes: Buffer) => {
    const written: Promise<void> = calls.write(handle, bytes, position).then(
      () => void waiting.delete(written),
      (error: unknown) => {
        waiting.delete(written)
        failure ??= { error }
      },
    )
    waiting.add(written)
    position += bytes.length
  }
  const check = () => {
    if (failure !== null) throw failure.error
  }
  try {
    for await (const bytes of guarded(body)) {
      for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
        while (waiting.size >= AHEAD) await Promise.race(waiting)
        check()
        write(bytes.subarray(from, from + CHUNK_BYTES))
      }
    }
  } finally {
    await Promise.all(waiting)
  }
  check()
  return position
}

/** Of all that can go wrong here, a body that ends early is the browser's doing. */
async function* guarded(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    for await (const bytes of body) yield bytes
  } catch (cause) {
    throw filesError('upload-cut-off', 'The upload was broken off: nothing was kept of it.', { cause })
  }
}

/** FAILURE is all that SFTP says of a disk that is full. */
const whyNot = async (calls: SftpCalls, error: unknown, part: string, path: string): Promise<AgentError> => {
  if (error instanceof AgentError || !isFailure(error)) return explainFile(error, path, 'write')
  const free = await calls.freeBytes(posix.dirname(part)).catch(() => null) // then it stays unexplained
  if (free !== null && free < AHEAD * CHUNK_BYTES) {
    return filesError('guest-no-space', 'The disk of the guest is full.', {
      hint: 'Delete something in the guest, and upload it again.',
      cause: error,
    })
  }
  return explainFile(error, path, 'write')
}
