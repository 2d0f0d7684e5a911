import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type ImageStore, StorageError, type VerifiedImage } from '../ports/storage.ts'
import { type ImageManifest, imageManifest } from './manifest.ts'

/** Images as `<directory>/<id>/current/manifest.json`, where `current` points to one immutable build. */
export function makeImageStore(directory: string): ImageStore {
  /** What a file hashed to, by its identity on disk: any write to it changes the key. */
  const hashed = new Map<string, string>()

  async function sha256(path: string): Promise<string> {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true })
    const key = [path, dev, ino, size, mtimeNs].join(':')
    const known = hashed.get(key)
    if (known) return known
    const hash = createHash('sha256')
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
    const digest = hash.digest('hex')
    hashed.set(key, digest)
    return digest
  }

  async function verified(
    id: string,
    root: string,
    { file, sha256: expected }: ImageManifest['files']['disk'],
  ) {
    const path = join(root, file)
    const actual = await sha256(path).catch((cause) => {
      throw corrupt(id, `${path} cannot be read`, cause)
    })
    if (actual !== expected)
      throw corrupt(id, `${path} differs from its manifest (sha256 ${actual}, not ${expected})`)
    return path
  }

  async function ensure(imageId: string): Promise<VerifiedImage> {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(imageId)) {
      throw new StorageError('invalid', `${JSON.stringify(imageId)} is not an image id`)
    }
    // Overlays name the build itself, so that a newer build never changes the ground they stand on.
    const root = await realpath(join(directory, imageId, 'current')).catch((cause) => {
      throw new StorageError(
        'image-missing',
        `The image ${imageId} is not in ${directory}: build it with scripts/image/build.sh ${imageId}.`,
        { cause },
      )
    })
    const manifest = await readManifest(imageId, root)
    const diskPath = await verified(imageId, root, manifest.files.disk)
    const kernel = await verified(imageId, root, manifest.files.kernel)
    const initrd = await verified(imageId, root, manifest.files.initrd)
    return {
      id: imageId,
      arch: manifest.arch,
      diskPath,
      diskSha256: manifest.files.disk.sha256,
      virtualSizeBytes: manifest.virtualSizeBytes,
      boot: { kind: 'kernel', kernel, initrd, cmdline: manifest.cmdline },
    }
  }

  async function list(): Promise<readonly string[]> {
    const entries = await readdir(directory, { withFileTypes: true }).catch((cause) => {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw new StorageError('io', `${directory} cannot be read.`, { cause })
    })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  }

  return { list, ensure }
}

async function readManifest(id: string, root: string): Promise<ImageManifest> {
  const path = join(root, 'manifest.json')
  try {
    const manifest = imageManifest.parse(JSON.parse(await readFile(path, 'utf8')))
    if (manifest.id === id) return manifest
  } catch (cause) {
    throw corrupt(id, `${path} is not a manifest`, cause)
  }
  throw corrupt(id, `${path} belongs to another image`)
}

function corrupt(id: string, what: string, cause?: unknown): StorageError {
  const advice = 'It is not used; delete the directory and build the image again.'
  return new StorageError('image-corrupt', `The image ${id} is corrupt: ${what}. ${advice}`, { cause })
}
