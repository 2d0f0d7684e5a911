import { access, chmod, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { readQcow2Header } from '../image/qcow2-header.ts'
import {
  type Adoption,
  type DiskRecord,
  type DiskStore,
  StorageError,
  type VerifiedImage,
} from '../ports/storage.ts'
import { leaseFileName, once, publish, sweep } from './files.ts'
import { createQcow2Overlay, growQcow2, readQcow2 } from './qcow2.ts'

const GIB = 1024 ** 3
const active = /^([0-9a-f]{1,64})\.qcow2$/
const quarantined = /^([0-9a-f]{1,64})\.(\d+)(?:\.(\d+))?\.quarantine$/
const torn = /^[0-9a-f]{1,64}\.qcow2\.partial$/

/**
 * Overlays live as `<lease>.qcow2` in `directory`; a quarantined one is renamed to
 * `<lease>.<Unix seconds>[.<installation>].quarantine`. One process at a time works in `directory`.
 * @param mode of each disk.
 */
export function makeDiskStore(directory: string, grow = growQcow2, mode = 0o600): DiskStore {
  const pathOf = (leaseId: Hex) => join(directory, `${leaseFileName(leaseId)}.qcow2`)
  const asidePath = (leaseId: Hex, at: number, install: number) =>
    join(directory, `${leaseFileName(leaseId)}.${at}${install === 0 ? '' : `.${install}`}.quarantine`)
  // What a process that was killed had begun; nobody is at work on it now.
  const swept = once(() => sweep(directory, torn))

  async function list(): Promise<readonly DiskRecord[]> {
    await swept()
    const names = await readdir(directory)
    return names.flatMap((name) => recordOf(directory, name)).sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  async function quarantinedOf(leaseId: Hex): Promise<readonly QuarantinedDisk[]> {
    const wanted: Hex = `0x${leaseFileName(leaseId)}`
    const mine = (await list()).filter((disk) => disk.leaseId === wanted).filter(isQuarantined)
    return mine.sort(newestFirst)
  }

  async function baseOf(leaseId: Hex): Promise<string | null> {
    const path = pathOf(leaseId)
    if (!(await exists(path))) return null
    const header = await readQcow2Header(path)
    if (header === null) throw new StorageError('disk-corrupt', `${path} is not a readable qcow2 disk.`)
    return header.backingFile
  }

  async function createOverlay(
    leaseId: Hex,
    image: VerifiedImage,
    sizeGiB: number,
    beside = false,
  ): Promise<string> {
    const path = pathOf(leaseId)
    checkSize(sizeGiB, image)
    await swept()
    if (await exists(path)) {
      await checkSame(path, image, sizeGiB)
      return path
    }
    if (!beside && (await quarantinedOf(leaseId)).length > 0) {
      throw new StorageError(
        'disk-exists',
        `The lease ${leaseId} has a disk in quarantine: restore it or purge it first.`,
      )
    }
    // A crash before the rename leaves a file that no name of ours matches, and that the next attempt replaces.
    const partial = `${path}.partial`
    await rm(partial, { force: true })
    await createQcow2Overlay(partial, image.diskPath, sizeGiB * GIB)
    await chmod(partial, mode)
    await publish(partial, path)
    return path
  }

  async function quarantine(leaseId: Hex, at: number, install = 0): Promise<void> {
    if (![at, install].every((n) => Number.isSafeInteger(n) && n >= 0))
      throw new StorageError(
        'invalid',
        `${at} is not a time in Unix seconds, or ${install} not one in milliseconds`,
      )
    const path = pathOf(leaseId)
    const earlier = await quarantinedOf(leaseId)
    if (await exists(path)) {
      // A rename replaces what bears the name already: two disks set aside in one second would be one.
      let free = at
      while (earlier.some((disk) => disk.quarantinedAt === free)) free++
      await publish(path, asidePath(leaseId, free, install))
      return
    }
    if (earlier.length === 0) {
      throw new StorageError('disk-missing', `The lease ${leaseId} has no disk on this node.`)
    }
  }

  async function restore(leaseId: Hex, quarantinedAt?: number): Promise<string> {
    const path = pathOf(leaseId)
    if (await exists(path))
      throw new StorageError('disk-exists', `The lease ${leaseId} has a disk in use already.`)
    const aside = await quarantinedOf(leaseId)
    const wanted =
      quarantinedAt === undefined ? aside[0] : aside.find((disk) => disk.quarantinedAt === quarantinedAt)
    if (!wanted)
      throw new StorageError('disk-missing', `The lease ${leaseId} has no such disk in quarantine.`)
    await publish(wanted.path, path)
    return path
  }

  async function adopt({ from, quarantinedAt, to, sizeGiB }: Adoption): Promise<string> {
    const path = pathOf(to)
    if (await exists(path))
      throw new StorageError('disk-exists', `The lease ${to} has a disk in use already.`)
    const wanted = (await quarantinedOf(from)).find((disk) => disk.quarantinedAt === quarantinedAt)
    if (!wanted) throw new StorageError('disk-missing', `The lease ${from} has no such disk in quarantine.`)
    await grow(wanted.path, sizeGiB * GIB)
    await publish(wanted.path, path)
    return path
  }

  async function purge(leaseId: Hex, notAfter: number): Promise<void> {
    if (await exists(pathOf(leaseId))) {
      throw new StorageError(
        'refused',
        `The disk of lease ${leaseId} is in use: only a quarantined disk is deleted.`,
      )
    }
    for (const disk of await quarantinedOf(leaseId)) {
      if (disk.quarantinedAt <= notAfter) await rm(disk.path, { force: true })
    }
  }

  return { list, baseOf, createOverlay, quarantine, restore, adopt, purge }
}

type QuarantinedDisk = DiskRecord & { readonly quarantinedAt: number }
const newestFirst = (a: QuarantinedDisk, b: QuarantinedDisk) => b.quarantinedAt - a.quarantinedAt
const isQuarantined = (disk: DiskRecord): disk is QuarantinedDisk => disk.quarantinedAt !== null

function recordOf(directory: string, name: string): DiskRecord[] {
  const path = join(directory, name)
  const inUse = active.exec(name)
  if (inUse) return [{ leaseId: `0x${inUse[1]}`, path, quarantinedAt: null, install: 0 }]
  const aside = quarantined.exec(name)
  if (!aside) return []
  return [{ leaseId: `0x${aside[1]}`, path, quarantinedAt: Number(aside[2]), install: Number(aside[3] ?? 0) }]
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function checkSize(sizeGiB: number, image: VerifiedImage): void {
  if (!Number.isSafeInteger(sizeGiB) || sizeGiB < 1)
    throw new StorageError('invalid', `${sizeGiB} is not a size in GiB`)
  if (sizeGiB * GIB >= image.virtualSizeBytes) return
  const needed = Math.ceil(image.virtualSizeBytes / GIB)
  throw new StorageError(
    'too-small',
    `The image ${image.id} needs a disk of at least ${needed} GiB, not ${sizeGiB}.`,
  )
}

async function checkSame(path: string, image: VerifiedImage, sizeGiB: number): Promise<void> {
  const { backingPath, virtualSizeBytes } = await readQcow2(path)
  if (backingPath === image.diskPath && virtualSizeBytes === sizeGiB * GIB) return
  throw new StorageError('disk-exists', `${path} exists with another base or size; it is left as it is.`)
}
