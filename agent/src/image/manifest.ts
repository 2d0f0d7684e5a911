import { z } from 'zod'

const file = z.object({
  /** Inside the image's own directory. */
  file: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

/** What scripts/image/build.sh writes beside the files it built. */
export const imageManifest = z.object({
  version: z.literal(1),
  id: z.string(),
  buildKey: z.string(),
  arch: z.enum(['x86_64', 'aarch64']),
  virtualSizeBytes: z.number().int().positive(),
  cmdline: z.string(),
  files: z.object({ disk: file, kernel: file, initrd: file }),
})

export type ImageManifest = z.infer<typeof imageManifest>
