// Images from the catalogue: downloaded once, checked before every use, forgotten when nobody stands on them.
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryLock } from '../lib/file-lock.ts'
import { makeSingleFlight } from '../lib/single-flight.ts'
import type { Architecture } from '../ports/hypervisor.ts'
import { type EnsureOptions, type ImageProgress, StorageError, type VerifiedImage } from '../ports/storage.ts'
import { artifactsOf, type ImageSource, keyOf } from './catalogue.ts'
import { toForget } from './collect.ts'
import type { DownloadLimits } from './download.ts'
import {
  DISK,
  type FetchedImage,
  listFetched,
  listLeftovers,
  markUsed,
  readFetched,
  removeFetched,
  setAside,
} from './fetched-folder.ts'
import { makeHasher } from './hasher.ts'
import { basesInUse } from './in-use.ts'
import { artifactPath, fetchTo, type InstallTools, install, type Work, workFolder } from './install.ts'
import { checkDisk } from './prepare.ts'

export type FetchedStoreOptions = {
  readonly folder: string
  /** Where the disks lie that may stand on images from here. */
  readonly diskFolder: string
  readonly limits: DownloadLimits
  /** An image given to a lease so recently is not forgotten, though no disk stands on it yet. */
  readonly graceMs: number
  /** How long a download goes on after the last who waited for it has left. */
  readonly lingerMs: number
  readonly nowMs: () => number
  readonly random: () => number
}

export type StoredImage = FetchedImage & { readonly inUse: boolean }
export type FetchedStore = ReturnType<typeof makeFetchedStore>

/** How often a lock that another process holds is tried again. */
const LOCK_POLL_MS = 250

export const makeFetchedStore = (options: FetchedStoreOptions) => {
  const { folder, diskFolder, limits, graceMs, nowMs, random } = options
  const sha256 = makeHasher()
  const flights = makeSingleFlight<VerifiedImage, ImageProgress>(options.lingerMs)
  const homeOf = (id: string, arch: Architecture) => join(folder, arch, id)

  const list = async (): Promise<readonly StoredImage[]> => {
    const [images, bases] = await Promise.all([listFetched(folder), basesInUse(diskFolder)])
    return images.map((image) => ({ ...image, inUse: bases.has(image.diskPath) }))
  }

  /** @returns bytes freed. One that a process is working on is passed over. */
  const collect = async (bytes: number, { grace = graceMs } = {}): Promise<number> => {
    if (bytes <= 0) return 0
    let freed = await sweepLeftovers(bytes)
    for (const image of toForget(await list(), { bytes: bytes - freed, nowMs: nowMs(), graceMs: grace })) {
      freed += await forget(image, grace)
    }
    return freed
  }

  /** First what is of no use to any disk. A download that goes on is younger than the grace, or holds the lock. */
  const sweepLeftovers = async (bytes: number): Promise<number> => {
    let freed = 0
    for (const { path, home, bytes: size, changedMs } of await listLeftovers(folder)) {
      if (freed >= bytes || nowMs() - changedMs < graceMs) continue
      const release = tryLock(join(home, 'lock'))
      if (release === null) continue
      try {
        await rm(path, { recursive: true, force: true })
        freed += size
      } finally {
        release()
      }
    }
    return freed
  }

  /** Looked at once more with the lock in hand: a lease may have been given it meanwhile. */
  const forget = async (image: FetchedImage, grace: number): Promise<number> => {
    const release = tryLock(join(homeOf(image.id, image.arch), 'lock'))
    if (release === null) return 0
    try {
      const now = (await list()).find(({ root }) => root === image.root)
      if (now === undefined || now.inUse || nowMs() - now.lastUsedMs < grace) return 0
      await removeFetched(image.root)
      return image.bytes
    } finally {
      release()
    }
  }

  const tools: InstallTools = {
    sha256,
    limits,
    random,
    makeRoom: async (bytes) => void (await collect(bytes)),
  }

  /** Good as it lies there, or null. A damaged one is set aside: what replaces it has the same bytes and path. */
  const present = async (root: string, signal: AbortSignal): Promise<VerifiedImage | null> => {
    try {
      return await readFetched(root, sha256, signal)
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== 'image-corrupt') throw error
      await setAside(root)
      return null
    }
  }

  const provide = async (
    id: string,
    source: ImageSource,
    key: string,
    work: Work,
  ): Promise<VerifiedImage> => {
    const home = homeOf(id, source.arch)
    const root = join(home, key)
    return locked(home, work, async () => {
      const image = await present(root, work.signal)
      if (image === null) await install({ id, home, root }, source, tools, work)
      const usable = image ?? (await readFetched(root, sha256, work.signal))
      if (usable === null) throw new StorageError('io', `${root} vanished while it was being made.`)
      await markUsed(root, nowMs())
      return usable
    })
  }

  /** Rejects with StorageError. One download serves all who wait for it, in this process and in others. */
  const ensure = async (
    id: string,
    source: ImageSource,
    waiting: EnsureOptions = {},
  ): Promise<VerifiedImage> => {
    const key = keyOf(source)
    if (key === null) throw new StorageError('image-unpinned', `The image ${id} has no checksum.`)
    try {
      return await flights.join(
        `${source.arch}/${id}/${key}`,
        (signal, onProgress) => provide(id, source, key, { signal, onProgress }),
        waiting,
      )
    } catch (cause) {
      if (!waiting.signal?.aborted) throw cause
      throw new StorageError('interrupted', `The wait for the image ${id} was broken off.`, { cause })
    }
  }

  /** Which image this disk is of; null if it does not lie here. */
  const identify = (
    diskPath: string,
  ): { readonly arch: Architecture; readonly id: string; readonly key: string } | null => {
    const [arch, id, key, ...rest] = relative(folder, diskPath).split(sep)
    if (key === undefined || rest.join() !== DISK || (arch !== 'x86_64' && arch !== 'aarch64')) return null
    return id === undefined || id === '..' ? null : { arch, id, key }
  }

  /** As it lies here, though the catalogue may want another by now. Rejects with image-missing, image-corrupt. */
  const read = async (diskPath: string, signal: AbortSignal): Promise<VerifiedImage> => {
    const root = dirname(diskPath)
    const image = await readFetched(root, sha256, signal)
    if (image === null)
      throw new StorageError('image-missing', `The image in ${root} is gone from this node.`)
    await markUsed(root, nowMs())
    return image
  }

  /**
   * Downloads a source as it comes and looks at it as far as that can be done without a checksum.
   * @returns the source with the checksums of what came; the files are kept for `ensure`.
   */
  const vouch = (id: string, source: ImageSource, work: Work): Promise<ImageSource> => {
    const home = homeOf(id, source.arch)
    return locked(home, work, async () => {
      await mkdir(workFolder(home), { recursive: true, mode: 0o711 })
      const found = new Map<string, string>()
      for (const { name, urls } of artifactsOf(source)) {
        const path = join(workFolder(home), `${name}-unpinned`)
        const digest = await fetchTo(path, { urls, sha256: null }, tools, work)
        if (name === 'disk') {
          await checkDisk(path, source.disk.format).catch(async (error) => {
            await rm(path, { force: true })
            throw error
          })
        }
        await rename(path, artifactPath(home, name, digest))
        found.set(name, digest)
      }
      const { disk, boot } = source
      const pin = (name: string) => ({ sha256: found.get(name) ?? null })
      return {
        ...source,
        disk: { ...disk, ...pin('disk') },
        boot:
          boot.kind === 'firmware'
            ? boot
            : {
                ...boot,
                kernel: { ...boot.kernel, ...pin('kernel') },
                initrd: { ...boot.initrd, ...pin('initrd') },
              },
      }
    })
  }

  return { ensure, identify, read, vouch, list, collect, forget, close: flights.close }
}

/** One process at a time downloads, replaces or removes an image. Waits for as long as the caller does. */
const locked = async <result>(home: string, work: Work, body: () => Promise<result>): Promise<result> => {
  await mkdir(dirname(home), { recursive: true, mode: 0o711 })
  await mkdir(home, { recursive: true, mode: 0o711 })
  const lock = join(home, 'lock')
  let release = tryLock(lock)
  while (release === null) {
    work.onProgress({ doing: 'waiting', doneBytes: 0, totalBytes: null })
    await sleep(LOCK_POLL_MS, undefined, { signal: work.signal }).catch((cause) => {
      throw new StorageError('interrupted', `Another process holds ${home}; the wait was broken off.`, {
        cause,
      })
    })
    release = tryLock(lock)
  }
  try {
    return await body()
  } finally {
    release()
  }
}
