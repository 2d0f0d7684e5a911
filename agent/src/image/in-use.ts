// Which base images the disks of this node stand on: those in use, and those in quarantine, which may come back.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from '../ports/storage.ts'
import { readQcow2Header } from './qcow2-header.ts'

/**
 * Paths of base disks. Rejects with StorageError `refused` when one disk cannot be read: what it stands on is then not
 * known, and nothing may be taken away.
 */
export async function basesInUse(diskDirectory: string): Promise<ReadonlySet<string>> {
  const names = await readdir(diskDirectory).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return []
    throw new StorageError('io', `${diskDirectory} cannot be read.`, { cause })
  })
  const bases = new Set<string>()
  for (const name of names) {
    const path = join(diskDirectory, name)
    try {
      const header = await readQcow2Header(path)
      if (header?.backingFile) bases.add(header.backingFile)
      if (header !== null || name.endsWith('.partial')) continue
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') continue // removed meanwhile
      if ((cause as NodeJS.ErrnoException).code === 'EISDIR') continue
      throw new StorageError('refused', unknown(path), { cause })
    }
    throw new StorageError('refused', unknown(path))
  }
  return bases
}

const unknown = (path: string) =>
  `${path} cannot be read as a disk: as long as nobody knows which image it stands on, no image is removed.`
