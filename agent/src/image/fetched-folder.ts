// What lies on disk: `<folder>/<arch>/<id>/<key>/{disk.qcow2, …, manifest.json}`, whole or not there at all.
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { makeDirectory } from '../disk/files.ts'
import type { Architecture } from '../ports/hypervisor.ts'
import { StorageError, type VerifiedImage } from '../ports/storage.ts'
import type { Hasher } from './hasher.ts'

const file = z.strictObject({
  file: z.enum(['disk.qcow2', 'kernel', 'initrd']),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
const fetchedManifest = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  arch: z.enum(['x86_64', 'aarch64']),
  virtualSizeBytes: z.int().positive(),
  disk: file,
  boot: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('firmware'), firmware: z.enum(['bios', 'uefi']) }),
    z.strictObject({ kind: z.literal('kernel'), kernel: file, initrd: file, cmdline: z.string() }),
  ]),
})
export type FetchedManifest = z.output<typeof fetchedManifest>

export type FetchedImage = {
  readonly id: string
  readonly arch: Architecture
  readonly root: string
  readonly diskPath: string
  readonly bytes: number
  readonly lastUsedMs: number
}

export type Leftover = {
  readonly path: string
  readonly home: string
  readonly bytes: number
  readonly changedMs: number
}

const MANIFEST = 'manifest.json'
export const DISK = 'disk.qcow2'
const ARCHITECTURES: readonly Architecture[] = ['x86_64', 'aarch64']
const KEY = /^[0-9a-f]{32}$/

/** null when it is not here. Rejects with image-corrupt if a file is not what it was when it was put here. */
export async function readFetched(
  root: string,
  sha256: Hasher,
  signal: AbortSignal,
): Promise<VerifiedImage | null> {
  const text = await readFile(join(root, MANIFEST), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw new StorageError('io', `${root} cannot be read.`, { cause })
  })
  if (text === null) return null
  const manifest = parseManifest(root, text)
  const verified = async (entry: z.output<typeof file>) => {
    const path = join(root, entry.file)
    const actual = await sha256(path, signal).catch((cause) => {
      if (signal.aborted) throw new StorageError('interrupted', `Reading ${path} was broken off.`, { cause })
      throw corrupt(`${path} cannot be read`, cause)
    })
    if (actual === entry.sha256) return path
    throw corrupt(`${path} differs from what was downloaded (sha256 ${actual}, not ${entry.sha256})`)
  }
  const { id, arch, virtualSizeBytes, boot } = manifest
  return {
    id,
    arch,
    diskPath: await verified(manifest.disk),
    diskSha256: manifest.disk.sha256,
    virtualSizeBytes,
    boot:
      boot.kind === 'firmware'
        ? boot
        : { ...boot, kernel: await verified(boot.kernel), initrd: await verified(boot.initrd) },
  }
}

const parseManifest = (root: string, text: string): FetchedManifest => {
  try {
    return fetchedManifest.parse(JSON.parse(text))
  } catch (cause) {
    throw corrupt(`${join(root, MANIFEST)} is not a manifest`, cause)
  }
}

const corrupt = (what: string, cause?: unknown) =>
  new StorageError('image-corrupt', `The image is corrupt: ${what}. It is not used.`, { cause })

/** Every image here, without looking into it. */
export async function listFetched(folder: string): Promise<readonly FetchedImage[]> {
  const found: FetchedImage[] = []
  for (const arch of ARCHITECTURES) {
    for (const id of await namesIn(join(folder, arch))) {
      for (const key of (await namesIn(join(folder, arch, id))).filter((name) => KEY.test(name))) {
        const root = join(folder, arch, id, key)
        const image = await describe(root).catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return null // removed meanwhile
          throw error
        })
        if (image !== null) found.push({ ...image, id, arch })
      }
    }
  }
  return found
}

/** Downloads that nobody finished, and what was set aside: of no use to any disk. Oldest first. */
export async function listLeftovers(folder: string): Promise<readonly Leftover[]> {
  const found: Leftover[] = []
  for (const arch of ARCHITECTURES) {
    for (const id of await namesIn(join(folder, arch))) {
      const home = join(folder, arch, id)
      const names = (await namesIn(home)).filter((name) => name === 'work' || /\.(corrupt|gone)$/.test(name))
      for (const name of names) {
        const path = join(home, name)
        const { bytes, changedMs } = await treeOf(path)
        found.push({ path, home, bytes, changedMs })
      }
    }
  }
  return found.sort((a, b) => a.changedMs - b.changedMs)
}

/** Files that vanish while they are looked at count as nothing. */
const treeOf = async (path: string) => {
  const names = await readdir(path, { recursive: true }).catch(() => [])
  const stats = await Promise.all(names.map((name) => stat(join(path, name)).catch(() => null)))
  const bytes = stats.reduce((sum, one) => sum + (one?.isFile() ? one.size : 0), 0)
  return { bytes, changedMs: Math.max(0, ...stats.map((one) => one?.mtimeMs ?? 0)) }
}

const describe = async (root: string) => {
  const sizes = await Promise.all(
    (await readdir(root)).map(async (name) => (await stat(join(root, name))).size),
  )
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  const { mtimeMs } = await stat(join(root, MANIFEST))
  return { root, diskPath: join(root, DISK), bytes, lastUsedMs: mtimeMs }
}

const namesIn = async (folder: string): Promise<readonly string[]> =>
  readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })

/** The manifest's own time of change is when the image was last given to a lease. */
export const markUsed = (root: string, nowMs: number): Promise<void> =>
  utimes(join(root, MANIFEST), nowMs / 1000, nowMs / 1000)

/** The manifest is written last, and the whole folder appears under its name in one step. */
export async function publish(from: string, root: string, manifest: FetchedManifest): Promise<void> {
  await writeFile(join(from, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true })
  await rename(from, root)
}

/** Out of the way in one step, then deleted: a crash in between leaves what the next `freshFolder` sweeps. */
export async function removeFetched(root: string): Promise<void> {
  const aside = `${root}.gone`
  await rm(aside, { recursive: true, force: true })
  await rename(root, aside)
  await rm(aside, { recursive: true, force: true })
}

/** Keeps one damaged copy to look at; the place is free for a good one, under the path that overlays know. */
export async function setAside(root: string): Promise<void> {
  const aside = `${root}.corrupt`
  await rm(aside, { recursive: true, force: true })
  await rename(root, aside)
}

export async function freshFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
  await makeDirectory(path)
}
