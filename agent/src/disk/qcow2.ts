import { z } from 'zod'
import { StorageError } from '../ports/storage.ts'
import { runTool } from './files.ts'

const info = z.object({
  format: z.string(),
  'virtual-size': z.number(),
  'backing-filename': z.string().optional(),
})

export interface Qcow2Info {
  readonly virtualSizeBytes: number
  /** As the overlay names it; null for a disk that stands by itself. */
  readonly backingPath: string | null
}

/** Reads the header only, and may look at a disk that a guest is using. Rejects with disk-corrupt if it is no qcow2. */
export async function readQcow2(path: string): Promise<Qcow2Info> {
  // The format is demanded, never guessed: a guest could write another format's header into a raw disk.
  const text = await runTool('qemu-img', ['info', '-U', '-f', 'qcow2', '--output=json', path]).catch(
    (cause) => {
      throw new StorageError('disk-corrupt', `${path} is not a readable qcow2 disk.`, { cause })
    },
  )
  const parsed = info.parse(JSON.parse(text))
  return { virtualSizeBytes: parsed['virtual-size'], backingPath: parsed['backing-filename'] ?? null }
}

/** Never makes it smaller. */
export async function growQcow2(path: string, sizeBytes: number): Promise<void> {
  const { virtualSizeBytes } = await readQcow2(path)
  if (virtualSizeBytes >= sizeBytes) return
  await runTool('qemu-img', ['resize', '-q', '-f', 'qcow2', path, String(sizeBytes)])
}

export async function createQcow2Overlay(path: string, basePath: string, sizeBytes: number): Promise<void> {
  await runTool('qemu-img', [
    'create',
    '-q',
    '-f',
    'qcow2',
    '-F',
    'qcow2',
    '-b',
    basePath,
    path,
    String(sizeBytes),
  ])
}
