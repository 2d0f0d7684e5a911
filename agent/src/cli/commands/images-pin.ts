import { artifactsOf, type ImageSource, keepInOperatorCatalogue, sourceOf } from '../../image/catalogue.ts'
import { AgentError } from '../../lib/errors.ts'
import { EXIT, makeVerb, UsageError } from '../verb.ts'
import { ARCH, imageId, progressLines, withImages } from './images.ts'

/**
 * Downloads an image that nobody has vouched for, and writes the checksum of what came into the operator's own catalogue:
 * from then on the node accepts these bytes and no others. Whether they are the vendor's is for the operator to compare.
 */
export const imagesPin = makeVerb({
  words: 'IMAGE',
  options: {
    ...ARCH,
    sha256: { type: 'string', argument: 'HEX', about: 'only if it is this one, as its vendor publishes it' },
  },
  run: async (io, options) => {
    const id = imageId(io)
    const expected = options.sha256?.toLowerCase()
    if (expected !== undefined && !/^[0-9a-f]{64}$/.test(expected)) {
      throw new UsageError('--sha256 takes 64 hex digits.')
    }
    return withImages(io, options.arch, async (images) => {
      const catalogue = await images.catalogue()
      const source = sourceOf(catalogue, id, images.arch)
      const title = catalogue.images.find((image) => image.id === id)?.title
      if (source === null || title === undefined) {
        throw new AgentError('image-missing', `The catalogue has no image ${id} for ${images.arch}.`, {
          hint: `Add it to ${images.operatorFile}, or see \`decloud-node images list\`.`,
        })
      }
      const pinned = await images.fetched.vouch(id, source, {
        signal: io.signal,
        onProgress: progressLines(io, id),
      })
      demand(id, pinned, expected)
      await keepInOperatorCatalogue(images.operatorFile, { id, title }, pinned)
      const lines = artifactsOf(pinned).map(({ name, sha256 }) => `  ${name} ${sha256}`)
      const advice =
        expected === undefined ? ['  Compare this with what the vendor of the image publishes.'] : []
      io.result(
        { id, arch: pinned.arch, catalogue: images.operatorFile, sha256: pinned.disk.sha256 },
        [`${id} ${pinned.arch}, pinned in ${images.operatorFile}`, ...lines, ...advice].join('\n'),
      )
      return EXIT.done
    })
  },
})

const demand = (id: string, { disk }: ImageSource, expected: string | undefined) => {
  if (expected === undefined || disk.sha256 === expected) return
  throw new AgentError(
    'image-corrupt',
    `The source of ${id} sends a disk with the checksum ${disk.sha256}, not ${expected}: nothing was pinned.`,
    { hint: 'Compare with what the vendor publishes; the vendor may have replaced the file.' },
  )
}
