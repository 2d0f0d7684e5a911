import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { StorageError, type VerifiedImage } from '../ports/storage.ts'
import { makeHasher } from './hasher.ts'
import { type ImageManifest, imageManifest } from './manifest.ts'

/** Images that were built on this machine, and that are kept for as long as its operator wants them. */
export interface BuiltStore {
  list(): Promise<readonly string[]>
  /** Rejects with image-missing or image-corrupt. */
  ensure(imageId: string): Promise<VerifiedImage>
  /** The build whose disk this is, which need not be the newest; null if it is none of these. */
  at(diskPath: string): Promise<VerifiedImage | null>
}

/** Images as `<directory>/<id>/current/manifest.json`, where `current` points to one immutable build. */
export function makeBuiltStore(directory: string): BuiltStore {
  const sha256 = makeHasher()

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
    if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(imageId)) {
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
    return load(imageId, root)
  }

  async function at(diskPath: string): Promise<VerifiedImage | null> {
    const root = dirname(diskPath)
    const home = dirname(root)
    const ours = await realpath(directory).catch(() => null) // no directory, no builds
    return ours !== null && dirname(home) === ours ? load(basename(home), root) : null
  }

  async function load(imageId: string, root: string): Promise<VerifiedImage> {
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

  return { list, ensure, at }
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
