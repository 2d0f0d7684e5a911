// A download that is not whole yet: `<path>.part` holds the bytes so far, `<path>.part.json` where they came from. Both
// survive a kill; whatever they hold counts only once the checksum of the whole agrees.
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { z } from 'zod'

const originSchema = z.object({
  /** Every URL that gave bytes of it, the last one last. */
  urls: z.array(z.string()),
  /** The strong ETag under which the last one gave them; null if it gave none. */
  etag: z.string().nullable(),
  totalBytes: z.int().nonnegative().nullable(),
})
type Origin = z.output<typeof originSchema>

const NOTHING: Origin = { urls: [], etag: null, totalBytes: null }

export interface PartFile {
  readonly path: string
  readonly origin: Origin
  readonly bytes: number
  /** Throws away what is there. */
  restart(origin: Origin): Promise<void>
  /** Goes on from `bytes`; written down before a byte of it is. */
  resume(origin: Origin): Promise<void>
  append(chunk: Uint8Array): Promise<void>
  /** Everything on disk; resolves to the SHA-256 of the whole, in hex. */
  finish(): Promise<string>
  /** Under its own name, in the place of an earlier one. Nothing is left to go on with. */
  moveTo(path: string): Promise<void>
  remove(): Promise<void>
  close(): Promise<void>
}

export async function openPartFile(target: string): Promise<PartFile> {
  const path = `${target}.part`
  const notes = `${target}.part.json`
  let handle = await open(path, 'a+', 0o600)
  let bytes = (await stat(path)).size
  let origin = await readOrigin(notes)
  // Bytes of nobody knows where are no beginning of anything.
  if (origin.urls.length === 0 && bytes > 0) {
    await handle.truncate(0)
    bytes = 0
  }
  let hash: Hash | null = null

  /** The hash so far; what an earlier process wrote is read once more. */
  async function running(): Promise<Hash> {
    if (hash !== null) return hash
    const primed = createHash('sha256')
    if (bytes > 0) for await (const chunk of createReadStream(path, { end: bytes - 1 })) primed.update(chunk)
    hash = primed
    return primed
  }

  async function note(next: Origin): Promise<void> {
    await writeFile(`${notes}.new`, `${JSON.stringify(next)}\n`)
    await rename(`${notes}.new`, notes)
    origin = next
  }

  async function forget(): Promise<void> {
    await handle.close()
    await rm(notes, { force: true })
    await rm(path, { force: true })
    handle = await open(path, 'a+', 0o600)
    bytes = 0
    hash = null
    origin = NOTHING
  }

  return {
    path,
    get origin() {
      return origin
    },
    get bytes() {
      return bytes
    },
    async restart(next) {
      await handle.truncate(0)
      bytes = 0
      hash = null
      await note(next)
    },
    resume: note,
    async append(chunk) {
      const sofar = await running()
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten } = await handle.write(chunk, at)
        sofar.update(chunk.subarray(at, at + bytesWritten))
        bytes += bytesWritten
        at += bytesWritten
      }
    },
    async finish() {
      await handle.sync()
      return (await running()).copy().digest('hex')
    },
    async moveTo(to) {
      await rename(path, to)
      await forget()
    },
    remove: forget,
    async close() {
      await handle.close()
      if (bytes > 0) return
      await rm(notes, { force: true })
      await rm(path, { force: true })
    },
  }
}

/** Notes that were torn by a power cut say nothing. */
async function readOrigin(notes: string): Promise<Origin> {
  const text = await readFile(notes, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  try {
    return originSchema.parse(JSON.parse(text))
  } catch {
    return NOTHING
  }
}
