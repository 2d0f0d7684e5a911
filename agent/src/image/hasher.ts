import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'

export type Hasher = (path: string, signal?: AbortSignal) => Promise<string>

/** SHA-256 of files, in hex. A file is read again only when it is another, or was written to: any write changes the key. */
export function makeHasher(): Hasher {
  const hashed = new Map<string, string>()
  return async (path, signal) => {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true })
    const key = [path, dev, ino, size, mtimeNs].join(':')
    const known = hashed.get(key)
    if (known) return known
    const hash = createHash('sha256')
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, signal ? { signal } : {})
    const digest = hash.digest('hex')
    hashed.set(key, digest)
    return digest
  }
}
