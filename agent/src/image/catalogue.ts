// Which images there are, where they come from, and what their bytes must hash to.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { Architecture } from '../ports/hypervisor.ts'
import { StorageError } from '../ports/storage.ts'

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** Plain HTTP is for a server on this machine: everywhere else a reader on the way could put in what he likes. */
const url = z.url({ protocol: /^https?$/ }).refine((text) => {
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || LOOPBACK.has(hostname)
}, 'must be https')

const artifact = z.strictObject({
  /** The same file at several places, in the order in which they are asked. */
  urls: z.array(url).min(1).max(8),
  /** Of the bytes as they are downloaded; null: nobody has computed it, and the file is not used. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
})
export type Artifact = z.output<typeof artifact>

const boot = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('firmware'), firmware: z.enum(['bios', 'uefi']) }),
  /** For a disk whose root file system is booted by a kernel that lies beside it. */
  z.strictObject({
    kind: z.literal('kernel'),
    kernel: artifact,
    initrd: artifact,
    cmdline: z.string().regex(/^[\x20-\x7e]{1,512}$/),
  }),
])

const source = z.strictObject({
  arch: z.enum(['x86_64', 'aarch64']),
  disk: artifact.extend({ format: z.enum(['qcow2', 'raw']) }),
  boot,
})
export type ImageSource = z.output<typeof source>

const catalogueSchema = z.strictObject({
  version: z.literal(1),
  images: z.array(
    z.strictObject({
      id: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/),
      title: z.string().min(1).max(80),
      sources: z.array(source).min(1).max(2),
    }),
  ),
})
export type Catalogue = z.output<typeof catalogueSchema>

const BUILT_IN = new URL('./catalogue.json', import.meta.url)

/** What comes with the agent, overlaid by the operator's own file where there is one. @throws StorageError `invalid`. */
export const loadCatalogue = async (operatorFile: string): Promise<Catalogue> =>
  overlaid(await read(BUILT_IN), await readOperatorCatalogue(operatorFile))

/** Empty where the operator has written none. @throws StorageError `invalid`. */
const readOperatorCatalogue = async (file: string): Promise<Catalogue> => {
  try {
    return await read(file)
  } catch (error) {
    if (error instanceof StorageError && (error.cause as NodeJS.ErrnoException)?.code === 'ENOENT') {
      return { version: 1, images: [] }
    }
    throw error
  }
}

const read = async (file: string | URL): Promise<Catalogue> => {
  try {
    return catalogueSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)
    throw new StorageError('invalid', `The image catalogue ${file} cannot be used: ${why}`, { cause })
  }
}

/** Pure. Source by source: what the operator says of one architecture leaves the others as they come. */
export const overlaid = (base: Catalogue, own: Catalogue): Catalogue => {
  const images = new Map(base.images.map((image) => [image.id, image]))
  for (const image of own.images) {
    const known = images.get(image.id)
    const kept = known?.sources.filter(({ arch }) => !image.sources.some((mine) => mine.arch === arch)) ?? []
    images.set(image.id, { ...image, sources: [...image.sources, ...kept] })
  }
  return { version: 1, images: [...images.values()] }
}

/** Writes one source into the operator's own file; what else stands there stays. The file is replaced whole. */
export const keepInOperatorCatalogue = async (
  file: string,
  image: { readonly id: string; readonly title: string },
  source: ImageSource,
): Promise<void> => {
  const own = await readOperatorCatalogue(file)
  const next = overlaid(own, {
    version: 1,
    images: [{ id: image.id, title: image.title, sources: [source] }],
  })
  const partial = `${file}.${process.pid}.new`
  await mkdir(dirname(file), { recursive: true, mode: 0o711 })
  await writeFile(partial, `${JSON.stringify(next, null, 2)}\n`, { flush: true })
  await rename(partial, file)
}

export const sourceOf = (catalogue: Catalogue, id: string, arch: Architecture): ImageSource | null =>
  catalogue.images.find((image) => image.id === id)?.sources.find((one) => one.arch === arch) ?? null

export const artifactsOf = ({ disk, boot: how }: ImageSource) => [
  { name: 'disk' as const, ...disk },
  ...(how.kind === 'kernel'
    ? [
        { name: 'kernel' as const, ...how.kernel },
        { name: 'initrd' as const, ...how.initrd },
      ]
    : []),
]

/** A pinned source's name on disk: another checksum or way to boot is another image. null while it is unpinned. */
export const keyOf = (image: ImageSource): string | null => {
  const checksums = artifactsOf(image).map(({ sha256 }) => sha256)
  if (checksums.includes(null)) return null
  const how = image.boot.kind === 'kernel' ? image.boot.cmdline : image.boot.firmware
  return createHash('sha256')
    .update(JSON.stringify([checksums, image.disk.format, image.boot.kind, how]))
    .digest('hex')
    .slice(0, 32)
}
