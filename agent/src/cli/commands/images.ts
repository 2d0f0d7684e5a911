// The images of this node, by hand. They work beside a running agent: what one downloads, the other waits for and uses.
import { loadImageConfig } from '../../config/config.ts'
import { type Catalogue, keyOf, sourceOf } from '../../image/catalogue.ts'
import { openImages } from '../../images.ts'
import { AgentError } from '../../lib/errors.ts'
import type { Architecture } from '../../ports/hypervisor.ts'
import { type ImageProgress, StorageError } from '../../ports/storage.ts'
import { EXIT, type Io, makeVerb, UsageError, wholeNumber } from '../verb.ts'

export type Images = ReturnType<typeof openImages>

/** What it opens is closed again, and what is not a fault of the agent is told as a sentence. */
export const withImages = async (
  io: Io,
  arch: string | undefined,
  body: (images: Images) => Promise<number>,
): Promise<number> => {
  const images = openImages(loadImageConfig(io.env, io.given), machineOf(arch))
  try {
    return await body(images)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    throw new AgentError(error.code, error.message, { cause: error })
  } finally {
    await images.close()
  }
}

const machineOf = (arch: string | undefined) => {
  if (arch === undefined) return undefined
  if (arch !== 'x86_64' && arch !== 'aarch64') throw new UsageError('--arch takes x86_64 or aarch64.')
  const architecture: Architecture = arch
  return { arch: architecture, guestArchs: [architecture] }
}

export const ARCH = {
  arch: { type: 'string', argument: 'ARCH', about: 'of another machine than this one: x86_64 or aarch64' },
} as const

/** The one word of `images fetch | pin | remove`. */
export const imageId = ({ words: [id, ...more] }: Io): string => {
  if (id !== undefined && more.length === 0) return id
  throw new UsageError('Name one image: `decloud-node images list` shows them.')
}

const GIB = 1024 ** 3
const MIB = 1024 ** 2

/** A line on stderr for every tenth of the way. */
export const progressLines = (io: Io, id: string) => {
  let last = ''
  return ({ doing, doneBytes, totalBytes }: ImageProgress) => {
    const share = totalBytes ? `${Math.floor((10 * doneBytes) / totalBytes) * 10} %` : ''
    const step = `${doing} ${totalBytes ? share : Math.floor(doneBytes / (64 * MIB))}`
    if (step === last) return
    last = step
    const far = doing === 'downloading' ? ` ${Math.floor(doneBytes / MIB)} MiB ${share}` : ''
    io.say(`${id}: ${doing}${far}`.trimEnd())
  }
}

export const imagesList = makeVerb({
  options: ARCH,
  run: async (io, options) => {
    return withImages(io, options.arch, async (images) => {
      const rows = await rowsOf(images)
      const lines = rows.map((row) => {
        const size = row.bytes === null ? '' : `  ${Math.ceil(row.bytes / MIB)} MiB`
        return `${row.id.padEnd(16)} ${row.arch ?? ''}  ${row.state}${size}${row.inUse ? '  in use' : ''}`
      })
      io.result({ images: rows }, lines.join('\n'))
      return EXIT.done
    })
  },
})

type Row = {
  readonly id: string
  readonly arch: Architecture | null
  /** built: made here; fetched: lies here; pinned: would be downloaded; unpinned: would be refused. */
  readonly state: 'built' | 'fetched' | 'pinned' | 'unpinned'
  readonly bytes: number | null
  readonly inUse: boolean
  readonly lastUsedMs: number | null
}

const rowsOf = async (images: Images): Promise<readonly Row[]> => {
  const none = { bytes: null, inUse: false, lastUsedMs: null }
  const built = (await images.built.list()).map((id): Row => ({ id, arch: null, state: 'built', ...none }))
  const fetched = (await images.fetched.list()).map(
    ({ id, arch, bytes, inUse, lastUsedMs }): Row => ({
      id,
      arch,
      state: 'fetched',
      bytes,
      inUse,
      lastUsedMs,
    }),
  )
  const here = new Set(fetched.map(({ id, arch }) => `${arch}/${id}`))
  const known = offered(await images.catalogue(), images.arch).filter(
    ({ id, arch }) => !here.has(`${arch}/${id}`),
  )
  return [...built, ...fetched, ...known.map((row): Row => ({ ...row, ...none }))]
}

const offered = (catalogue: Catalogue, arch: Architecture) =>
  catalogue.images.flatMap(({ id }) => {
    const source = sourceOf(catalogue, id, arch)
    if (source === null) return []
    return [{ id, arch, state: keyOf(source) === null ? ('unpinned' as const) : ('pinned' as const) }]
  })

export const imagesFetch = makeVerb({
  words: 'IMAGE',
  options: ARCH,
  run: async (io, options) => {
    const id = imageId(io)
    return withImages(io, options.arch, async ({ store }) => {
      const image = await store.ensure(id, { signal: io.signal, onProgress: progressLines(io, id) })
      const { arch, diskPath, diskSha256, virtualSizeBytes } = image
      io.result({ id, arch, diskPath, diskSha256, virtualSizeBytes }, `${id} ${arch}\n  ${diskPath}`)
      return EXIT.done
    })
  },
})

export const imagesRemove = makeVerb({
  words: 'IMAGE',
  options: ARCH,
  run: async (io, options) => {
    const id = imageId(io)
    return withImages(io, options.arch, async ({ fetched, arch }) => {
      const mine = (await fetched.list()).filter((image) => image.id === id && image.arch === arch)
      if (mine.length === 0) {
        throw new AgentError('image-missing', `No fetched image ${id} for ${arch} is on this node.`, {
          hint: 'What was built here lies in the image folder, and is removed there.',
        })
      }
      if (mine.every(({ inUse }) => inUse)) {
        throw new AgentError(
          'image-in-use',
          `Disks stand on the image ${id}: it stays until they are purged.`,
        )
      }
      let freed = 0
      for (const image of mine) freed += await fetched.forget(image, 0)
      io.result({ id, freedBytes: freed }, `${id}: ${Math.ceil(freed / MIB)} MiB freed`)
      return freed > 0 ? EXIT.done : EXIT.failed
    })
  },
})

export const imagesGc = makeVerb({
  options: {
    free: { type: 'string', argument: 'GIB', about: 'the longest unused first, until so much is freed' },
  },
  run: async (io, options) => {
    const bytes =
      options.free === undefined
        ? Number.POSITIVE_INFINITY
        : wholeNumber('free', options.free, 0, 2 ** 20) * GIB
    return withImages(io, undefined, async ({ fetched }) => {
      const freed = await fetched.collect(bytes)
      io.result({ freedBytes: freed }, `${Math.ceil(freed / MIB)} MiB freed`)
      return EXIT.done
    })
  },
})
