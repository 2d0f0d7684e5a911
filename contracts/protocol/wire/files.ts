// What a node's agent answers about the files of a guest, under `/v1/leases/<leaseId>/files`. Paths are absolute as the
// guest sees them; an empty one is the home of the user that the agent enters as.
import { z } from 'zod'

/** Linux's own PATH_MAX, its final NUL included. */
const PATH_BYTES = 4_095

const bytesOf = (text: string) => new TextEncoder().encode(text).length

/** One way to write each place: no `.`, `..`, doubled or trailing slash, and nothing that a path cannot hold. */
export const guestPathSchema = z
  .string()
  .refine((path) => path.startsWith('/'), 'begins with /')
  .refine((path) => !path.includes('\0'), 'holds no NUL')
  .refine((path) => bytesOf(path) <= PATH_BYTES, `takes at most ${PATH_BYTES} bytes`)
  .refine(
    (path) =>
      path === '/' ||
      path
        .slice(1)
        .split('/')
        .every((part) => !['', '.', '..'].includes(part)),
    'has no empty part, no . and no ..',
  )

export const FILE_KINDS = ['file', 'directory', 'link', 'other'] as const

const entryFields = {
  kind: z.enum(FILE_KINDS),
  size: z.int().min(0),
  /** Permission bits, as chmod takes them. */
  mode: z.int().min(0).max(0o7777),
  /** Unix seconds. */
  modifiedAt: z.int(),
}

export const fileEntrySchema = z.object({ name: z.string(), ...entryFields })
export type FileEntry = z.output<typeof fileEntrySchema>

/** Of a directory its entries, sorted by name; of everything else what it is. Links are followed. */
export const fileViewSchema = z.object({
  /** With every link resolved. */
  path: z.string(),
  ...entryFields,
  entries: z.array(fileEntrySchema).nullable(),
  /** The directory holds more than are listed here. */
  truncated: z.boolean(),
})
export type FileView = z.output<typeof fileViewSchema>

export const fileWrittenSchema = z.object({ path: z.string(), size: z.int().min(0) })

export const mkdirBodySchema = z.strictObject({ path: guestPathSchema })
export const renameBodySchema = z.strictObject({ from: guestPathSchema, to: guestPathSchema })
/** A file, a link, or a directory that is empty. */
export const deleteBodySchema = z.strictObject({ path: guestPathSchema })

export const FILE_PROBLEMS = {
  'file-missing': 404,
  'file-forbidden': 403,
  'file-is-directory': 409,
  'file-not-directory': 409,
  'file-not-regular': 409,
  'file-exists': 412,
  'directory-not-empty': 409,
  'range-not-satisfiable': 416,
  'file-too-many': 429,
  'upload-cut-off': 400,
  'guest-no-space': 507,
  'guest-failed': 502,
  'guest-unreachable': 503,
} as const
export type FileProblem = keyof typeof FILE_PROBLEMS
