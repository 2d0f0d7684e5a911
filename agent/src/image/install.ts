// Brings one pinned source from its mirrors to its place in the folder.
import { chmod, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ImageProgress, StorageError } from '../ports/storage.ts'
import { type Artifact, artifactsOf, type ImageSource } from './catalogue.ts'
import { type DownloadLimits, download } from './download.ts'
import { type FetchedManifest, freshFolder, publish } from './fetched-folder.ts'
import type { Hasher } from './hasher.ts'
import { checkDisk, toQcow2 } from './prepare.ts'

export type InstallTools = {
  readonly sha256: Hasher
  readonly limits: DownloadLimits
  readonly random: () => number
  readonly makeRoom: (bytes: number) => Promise<void>
}
export type Work = { readonly signal: AbortSignal; readonly onProgress: (progress: ImageProgress) => void }

/** What is downloaded waits here under its own checksum until all of an image is there. */
export const workFolder = (home: string) => join(home, 'work')
export const artifactPath = (home: string, name: string, sha256: string) =>
  join(workFolder(home), `${name}-${sha256.slice(0, 16)}`)

/** Downloads one file. @returns its SHA-256: the pinned one, or whatever it is when nothing is pinned. */
export const fetchTo = (
  path: string,
  { urls, sha256 }: Artifact,
  { limits, random, makeRoom }: InstallTools,
  { signal, onProgress }: Work,
): Promise<string> =>
  download({
    urls,
    sha256,
    path,
    limits,
    signal,
    random,
    makeRoom,
    onProgress: (doneBytes, totalBytes) => onProgress({ doing: 'downloading', doneBytes, totalBytes }),
  })

/** Whole from an earlier attempt, or put here when it was pinned; else downloaded. */
const fetchArtifact = async (
  home: string,
  name: string,
  artifact: Artifact,
  tools: InstallTools,
  work: Work,
): Promise<string> => {
  if (artifact.sha256 === null) {
    throw new StorageError('image-unpinned', `The ${name} of the image in ${home} has no checksum.`)
  }
  const path = artifactPath(home, name, artifact.sha256)
  // One that cannot be read is downloaded like one that is not there.
  const there = await tools.sha256(path, work.signal).catch(() => null)
  if (there !== artifact.sha256) await fetchTo(path, artifact, tools, work)
  return path
}

/** Rejects with StorageError; what was downloaded is kept for the next attempt. */
export const install = async (
  at: { readonly id: string; readonly home: string; readonly root: string },
  source: ImageSource,
  tools: InstallTools,
  work: Work,
): Promise<void> => {
  const { id, home, root } = at
  await mkdir(workFolder(home), { recursive: true, mode: 0o711 })
  const out = join(workFolder(home), 'out')
  await freshFolder(out)
  const paths = new Map<string, string>()
  for (const artifact of artifactsOf(source)) {
    const { name, urls, sha256 } = artifact
    paths.set(name, await fetchArtifact(home, name, { urls, sha256 }, tools, work))
  }

  /** Nobody writes to it any more; the checksum is that of the bytes at rest, read back. */
  const sealed = async <name extends FetchedManifest['disk']['file']>(name: name) => {
    work.onProgress({ doing: 'verifying', doneBytes: 0, totalBytes: null })
    await chmod(join(out, name), 0o444)
    return { file: name, sha256: await tools.sha256(join(out, name), work.signal) }
  }
  const moved = async (name: 'kernel' | 'initrd') => {
    await rename(paths.get(name)!, join(out, name))
    return sealed(name)
  }

  const downloaded = paths.get('disk')!
  const { format } = source.disk
  const virtualSizeBytes = await checkDisk(downloaded, format)
  if (format !== 'qcow2') work.onProgress({ doing: 'converting', doneBytes: 0, totalBytes: virtualSizeBytes })
  await toQcow2(downloaded, format, join(out, 'disk.qcow2'), work.signal)
  const disk = await sealed('disk.qcow2')
  const boot =
    source.boot.kind === 'firmware'
      ? source.boot
      : { ...source.boot, kernel: await moved('kernel'), initrd: await moved('initrd') }
  await publish(out, root, { version: 1, id, arch: source.arch, virtualSizeBytes, disk, boot })
  await rm(workFolder(home), { recursive: true, force: true })
}
