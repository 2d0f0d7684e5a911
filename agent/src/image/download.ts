// One file from the first mirror that gives it whole, resumed wherever it was broken off.
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, backoffMs } from '../lib/backoff.ts'
import { StorageError } from '../ports/storage.ts'
import { type Answer, askForRange, MirrorError } from './http-range.ts'
import { openPartFile, type PartFile } from './part-file.ts'

export type DownloadLimits = {
  readonly maxBytes: number
  /** At least so many bytes must come in each such span; a server that only drips is as good as dead. */
  readonly stallBytes: number
  readonly stallMs: number
  /** Failures in a row without progress after which a mirror is given up. */
  readonly triesPerMirror: number
  readonly backoff: Backoff
  /** What must stay free for the guests that run. */
  readonly keepFreeBytes: number
}

export const DOWNLOAD_LIMITS: DownloadLimits = {
  maxBytes: 8 * 1024 ** 3,
  stallBytes: 64 * 1024,
  stallMs: 30_000,
  triesPerMirror: 4,
  backoff: { baseMs: 1_000, capMs: 30_000 },
  keepFreeBytes: 1024 ** 3,
}

export type Download = {
  readonly urls: readonly string[]
  /** null: whatever comes is taken, from one mirror only; the caller vouches for it. */
  readonly sha256: string | null
  /** Where the whole file is put; `.part` and `.corrupt` files lie beside it. */
  readonly path: string
  readonly limits: DownloadLimits
  readonly signal: AbortSignal
  readonly onProgress: (doneBytes: number, totalBytes: number | null) => void
  /** Asked when the file would not fit: frees what it can. */
  readonly makeRoom: (bytes: number) => Promise<void>
  /** Uniform in [0, 1). */
  readonly random: () => number
}

type Mirror = { readonly url: string; failures: number; corrupt: boolean; given: boolean; last: string }

/**
 * @returns the SHA-256 of the file at `path`.
 * @throws StorageError `image-corrupt` when every mirror gives other bytes than the checksum wants, `image-unreachable`,
 *   `no-space`, `interrupted`, `io`. What was downloaded is kept for the next attempt, but for a full disk.
 */
export async function download(request: Download): Promise<string> {
  const { urls, sha256, path, signal } = request
  const mirrors: Mirror[] = urls.map((url) => ({ url, failures: 0, corrupt: false, given: false, last: '' }))
  const part = await openPartFile(path)
  try {
    // Once a file of several mirrors turned out corrupt, each one has to give the whole.
    let stitch = sha256 !== null
    let furthest = part.bytes
    for (let mirror = mirrors[0]; mirror !== undefined; mirror = nextOf(mirrors, mirror)) {
      if (signal.aborted) throw interrupted(signal)
      try {
        await attempt(request, part, mirror.url, stitch)
        mirror.failures = 0
      } catch (error) {
        await fail(request, mirror, error, part.bytes - furthest)
        continue
      } finally {
        // Measured from the furthest point ever: a file that is replaced again and again makes no progress.
        furthest = Math.max(furthest, part.bytes)
      }
      const digest = await part.finish()
      if (sha256 === null || digest === sha256) {
        await part.moveTo(path)
        return digest
      }
      // Who gave all of it is not asked again; where several did, nobody knows whose bytes were bad.
      mirror.corrupt = part.origin.urls.every((url) => url === mirror?.url)
      mirror.last = `gives a file whose checksum is ${digest}`
      stitch = false
      await part.moveTo(`${path}.corrupt`)
      furthest = 0
    }
    throw allFailed(mirrors, sha256)
  } catch (error) {
    if (isFull(error)) await part.remove() // what is left of the disk belongs to the guests
    if (error instanceof StorageError) throw error
    throw new StorageError(isFull(error) ? 'no-space' : 'io', `${path} cannot be written.`, { cause: error })
  } finally {
    await part.close()
  }
}

/** The one that worked goes on; else the next in order, until all are given up. */
const nextOf = (mirrors: readonly Mirror[], last: Mirror): Mirror | undefined => {
  const from = mirrors.indexOf(last) + (last.failures === 0 && !last.corrupt ? 0 : 1)
  const inOrder = [...mirrors.slice(from), ...mirrors.slice(0, from)]
  return inOrder.find((mirror) => !mirror.corrupt && !mirror.given)
}

async function fail(request: Download, mirror: Mirror, error: unknown, gained: number): Promise<void> {
  const { limits, signal, random } = request
  if (signal.aborted) throw interrupted(signal)
  if (!(error instanceof MirrorError)) throw error
  mirror.last = error.message
  mirror.failures = gained >= limits.stallBytes ? 0 : mirror.failures + 1
  mirror.given = error.gone || mirror.failures >= limits.triesPerMirror
  if (mirror.given) return
  const waitMs = backoffMs(Math.max(1, mirror.failures), random(), limits.backoff)
  await sleep(waitMs, undefined, { signal }).catch(() => {
    throw interrupted(signal)
  })
}

/** Resolves when the part file is as long as the server says the file is. @throws MirrorError, StorageError. */
async function attempt(request: Download, part: PartFile, url: string, stitch: boolean): Promise<void> {
  const { limits, onProgress } = request
  const watch = watchdog(limits)
  const signal = AbortSignal.any([request.signal, watch.signal])
  try {
    const answer = await begin(part, url, stitch, signal)
    if (answer === null) return
    const total = answer.totalBytes
    if (total !== null && total > limits.maxBytes) {
      throw new MirrorError(`sends a file of ${total} bytes, more than any image may have`, { gone: true })
    }
    await demandRoom(request, (total ?? 0) - part.bytes)
    onProgress(part.bytes, total)
    for await (const chunk of answer.body) {
      if (part.bytes + chunk.length > (total ?? limits.maxBytes)) {
        throw new MirrorError('sends more bytes than it announced, or than any image may have', {
          gone: true,
        })
      }
      await part.append(chunk)
      watch.saw(chunk.length)
      onProgress(part.bytes, total)
    }
    if (total !== null && part.bytes < total) throw new MirrorError('the connection was cut')
  } catch (error) {
    if (watch.signal.aborted && !request.signal.aborted) throw watch.signal.reason
    throw error
  } finally {
    watch.end()
  }
}

/** Asks for what is missing, and settles with the part file where the answer begins. null: nothing is missing. */
async function begin(
  part: PartFile,
  url: string,
  stitch: boolean,
  signal: AbortSignal,
): Promise<Answer | null> {
  const { urls, etag, totalBytes } = part.origin
  const sameMirror = urls.at(-1) === url
  // Without a checksum only the server's own word says that two pieces are of one file.
  const resumable = stitch || (urls.every((one) => one === url) && etag !== null)
  const start = resumable ? part.bytes : 0
  if (start > 0 && start === totalBytes) return null
  const answer = await askForRange(url, start, sameMirror ? etag : null, signal)
  if (answer === null) {
    // Longer than the server's file, or as long by its account and not by ours: what is here is of no use.
    await part.restart({ urls: [], etag: null, totalBytes: null })
    throw new MirrorError('has nothing after what is here already: starting anew')
  }
  const origin = { etag: answer.etag, totalBytes: answer.totalBytes }
  if (answer.start === 0) {
    await part.restart({ ...origin, urls: [url] })
    return answer
  }
  const changed =
    (sameMirror && etag !== answer.etag) || (totalBytes !== null && totalBytes !== answer.totalBytes)
  if (changed) {
    for await (const _ of answer.body) break // closes the connection
    await part.restart({ urls: [], etag: null, totalBytes: null })
    throw new MirrorError('has replaced the file in the middle of the download: starting anew')
  }
  await part.resume({ ...origin, urls: sameMirror ? urls : [...urls, url] })
  return answer
}

async function demandRoom({ path, limits, makeRoom }: Download, bytes: number): Promise<void> {
  const needed = Math.max(0, bytes) + limits.keepFreeBytes
  const free = async () => {
    const { bavail, bsize } = await statfs(dirname(path))
    return bavail * bsize
  }
  const short = needed - (await free())
  if (short <= 0) return
  await makeRoom(short)
  const left = needed - (await free())
  if (left <= 0) return
  throw new StorageError(
    'no-space',
    `The image needs ${mib(needed)} MiB free in ${dirname(path)}, with what is kept for guests; ${mib(left)} MiB are missing.`,
  )
}

const mib = (bytes: number) => Math.ceil(bytes / 1024 ** 2)

/** Aborts when fewer than `stallBytes` came in any `stallMs`: by the rate, so that a byte a second does not help. */
function watchdog({ stallBytes, stallMs }: DownloadLimits) {
  const controller = new AbortController()
  let seen = 0
  const timer = setInterval(() => {
    if (seen < stallBytes) {
      const rate = `${seen} bytes in ${stallMs / 1000} s`
      controller.abort(new MirrorError(`is too slow: ${rate}`))
    }
    seen = 0
  }, stallMs)
  return {
    signal: controller.signal,
    saw: (bytes: number) => {
      seen += bytes
    },
    end: () => clearInterval(timer),
  }
}

const interrupted = (signal: AbortSignal) =>
  new StorageError('interrupted', 'The download was broken off; it goes on where it stopped.', {
    cause: signal.reason,
  })

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')

function allFailed(mirrors: readonly Mirror[], sha256: string | null): StorageError {
  const said = mirrors.map(({ url, last }) => `${URL.parse(url)?.host ?? url} ${last}`).join('; ')
  if (mirrors.some(({ corrupt }) => corrupt)) {
    return new StorageError(
      'image-corrupt',
      `No mirror gives the file with the checksum ${sha256} (${said}). If its vendor has replaced it, look up the new checksum and pin the image again.`,
    )
  }
  return new StorageError('image-unreachable', `No mirror gives the whole file: ${said}.`)
}
