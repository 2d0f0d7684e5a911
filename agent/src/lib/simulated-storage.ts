// Storage beside the simulated hypervisor: the same folders, names and steps as the real stores, without the tools that
// make qcow2 files and ISO images, and without an image.
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDiskStore } from '../disk/disk-store.ts'
import { leaseFileName } from '../disk/files.ts'
import { makeSeedStore } from '../disk/seed-store.ts'
import { hostArchitecture } from '../hypervisor/architecture.ts'
import { type DiskStore, type ImageStore, type SeedStore, StorageError } from '../ports/storage.ts'

const IMAGES: readonly string[] = ['debian-12', 'tiny']
const GIB = 1024 ** 3

const simulatedPath = (image: string) => `/simulated/${image}.qcow2`

export const makeSimulatedImageStore = (): ImageStore => ({
  list: async () => IMAGES,
  collect: async () => 0,
  standingOn: async (basePath) => {
    throw new StorageError('image-missing', `No simulated disk stands on ${basePath}.`)
  },
  ensure: async (id) => {
    if (!IMAGES.includes(id)) {
      throw new StorageError(
        'image-missing',
        `The simulated machine knows ${IMAGES.join(' and ')}, not ${id}.`,
      )
    }
    return {
      id,
      arch: hostArchitecture(),
      diskPath: simulatedPath(id),
      diskSha256: '0'.repeat(64),
      virtualSizeBytes: GIB,
      boot: { kind: 'firmware', firmware: 'bios' },
    }
  },
})

export const makeSimulatedDiskStore = (directory: string): DiskStore => {
  const store = makeDiskStore(directory, growSimulated)
  return {
    ...store,
    // What it is made of is a note, and the image it names is none.
    baseOf: async () => null,
    createOverlay: async (leaseId, image, sizeGiB, beside = false) => {
      const path = join(directory, `${leaseFileName(leaseId)}.qcow2`)
      const known = (await store.list()).filter((disk) => disk.leaseId === leaseId)
      if (!beside && known.some((disk) => disk.quarantinedAt !== null)) {
        throw new StorageError('disk-exists', `The lease ${leaseId} has a disk in quarantine.`)
      }
      if (known.every((disk) => disk.quarantinedAt !== null)) {
        // Each disk is its own: the simulated guest's host key comes from it, as a real one's does.
        await writeWhole(path, `${JSON.stringify({ base: image.id, sizeGiB, id: randomUUID() })}\n`)
      }
      return path
    },
  }
}

const growSimulated = async (path: string, sizeBytes: number): Promise<void> => {
  const contents = JSON.parse(await readFile(path, 'utf8')) as { sizeGiB: number }
  const sizeGiB = Math.max(contents.sizeGiB, sizeBytes / GIB)
  await writeWhole(path, `${JSON.stringify({ ...contents, sizeGiB })}\n`)
}

export const makeSimulatedSeedStore = (directory: string): SeedStore => ({
  ...makeSeedStore(directory),
  write: async (leaseId, files) => {
    const path = join(directory, `${leaseFileName(leaseId)}.iso`)
    await writeWhole(path, `${files.metaData}${files.networkConfig}${files.userData}`)
    return path
  },
})

/** The whole file or none, readable by its owner alone. */
const writeWhole = async (path: string, text: string) => {
  const partial = `${path}.${randomUUID()}.partial`
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
  await writeFile(partial, text, { mode: 0o600 })
  await rename(partial, path)
}
