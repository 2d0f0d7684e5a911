// The images a lease may name: built on this machine, or from the catalogue.
import type { Architecture } from '../ports/hypervisor.ts'
import { type EnsureOptions, type ImageStore, StorageError, type VerifiedImage } from '../ports/storage.ts'
import type { BuiltStore } from './built-store.ts'
import { type Catalogue, keyOf, sourceOf } from './catalogue.ts'
import type { FetchedStore } from './fetched-store.ts'

export type ImageStoreOptions = {
  readonly built: BuiltStore
  readonly fetched: Pick<FetchedStore, 'ensure' | 'identify' | 'read' | 'list' | 'collect'>
  /** Read anew at every question: an operator may have pinned an image since. */
  readonly catalogue: () => Promise<Catalogue>
  /** Where the operator's own part of it stands, for sentences that send him there. */
  readonly operatorFile: string
  /** Of this machine. */
  readonly arch: Architecture
  /** Those whose guests run here; `arch` among them. */
  readonly guestArchs: readonly Architecture[]
}

export const makeImageStore = (options: ImageStoreOptions): ImageStore => {
  const { built, fetched, arch, guestArchs } = options

  const fromCatalogue = async (id: string, waiting: EnsureOptions): Promise<VerifiedImage> => {
    const catalogue = await options.catalogue()
    const archs = [arch, ...guestArchs.filter((other) => other !== arch)]
    const source = archs.map((one) => sourceOf(catalogue, id, one)).find((one) => one !== null) ?? null
    if (source === null) throw unknown(id, catalogue, arch)
    if (keyOf(source) === null) throw unpinned(id, options.operatorFile)
    return fetched.ensure(id, source, waiting)
  }

  const ifBuilt = (id: string): Promise<VerifiedImage | null> =>
    built.ensure(id).catch((error) => {
      if (error instanceof StorageError && error.code === 'image-missing') return null
      throw error
    })

  /** One that the catalogue still wants can be mended; another is read as it lies there. */
  const ifFetched = async (basePath: string, waiting: EnsureOptions): Promise<VerifiedImage | null> => {
    const found = fetched.identify(basePath)
    if (found === null) return null
    const source = sourceOf(await options.catalogue(), found.id, found.arch)
    if (source !== null && keyOf(source) === found.key) return fetched.ensure(found.id, source, waiting)
    return fetched.read(basePath, waiting.signal ?? new AbortController().signal)
  }

  return {
    /** What was built here goes first: its operator made it for this node. */
    ensure: async (id, waiting = {}) => {
      const image = (await ifBuilt(id)) ?? (await fromCatalogue(id, waiting))
      if (guestArchs.includes(image.arch)) return image
      throw foreign(id, image.arch, arch)
    },
    standingOn: async (basePath, waiting = {}) => {
      const image = (await built.at(basePath)) ?? (await ifFetched(basePath, waiting))
      if (image !== null) return image
      throw new StorageError(
        'image-missing',
        `A disk stands on ${basePath}, which is in no image folder of this node: put the image back there.`,
      )
    },
    list: async () => {
      const names = (await fetched.list()).map(({ id }) => id)
      return [...new Set([...(await built.list()), ...names])]
    },
    collect: (bytes) => fetched.collect(bytes),
  }
}

const foreign = (id: string, theirs: string, ours: string) =>
  new StorageError('image-foreign', `The image ${id} is for ${theirs}; this node runs ${ours} guests.`)

const unknown = (id: string, catalogue: Catalogue, arch: Architecture): StorageError => {
  const image = catalogue.images.find((one) => one.id === id)
  if (image !== undefined) return foreign(id, image.sources.map((one) => one.arch).join(' and '), arch)
  return new StorageError(
    'image-missing',
    `The image ${id} is neither built on this node nor in its catalogue: \`decloud-node images list\` shows what there is, and scripts/image/build.sh builds one.`,
  )
}

const unpinned = (id: string, operatorFile: string) =>
  new StorageError(
    'image-unpinned',
    `The image ${id} is not pinned: nobody has computed the checksum of what its source sends. Run \`decloud-node images pin ${id}\`, compare the checksum with its vendor's, and it is allowed from then on in ${operatorFile} (DECLOUD_IMAGE_CATALOGUE).`,
  )
