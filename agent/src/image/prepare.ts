// From a checked download to a disk that overlays can stand on.
import { execFile } from 'node:child_process'
import { rename, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { readQcow2 } from '../disk/qcow2.ts'
import { StorageError } from '../ports/storage.ts'
import type { ImageSource } from './catalogue.ts'
import { demandPlainQcow2 } from './qcow2-header.ts'

const execute = promisify(execFile)

const MAX_VIRTUAL_BYTES = 64 * 1024 ** 3
const CHECK_MS = 5 * 60_000
const CONVERT_MS = 30 * 60_000

/**
 * Rejects with `image-unsafe` for a file that QEMU should not be shown. The header is judged first, by itself: only then
 * is it opened with QEMU's own tool, whose word is the second opinion. @returns the size of the disk that a guest sees.
 */
export async function checkDisk(path: string, format: ImageSource['disk']['format']): Promise<number> {
  if (format === 'raw') {
    const { size } = await stat(path)
    if (size > 0 && size <= MAX_VIRTUAL_BYTES && size % 512 === 0) return size
    throw new StorageError('image-unsafe', `${path} is no raw disk: it is ${size} bytes long.`)
  }
  const virtualSize = await demandPlainQcow2(path, MAX_VIRTUAL_BYTES)
  const info = await readQcow2(path).catch((cause) => {
    throw new StorageError('image-unsafe', `${path} cannot be read as a qcow2 disk.`, { cause })
  })
  if (info.backingPath !== null || info.virtualSizeBytes !== virtualSize) {
    throw new StorageError('image-unsafe', `${path} is not the disk that its header describes.`)
  }
  await checkTables(path)
  return virtualSize
}

/** Clusters that nothing refers to are waste, not damage: vendors' tools leave them. */
const LEAKS_ONLY = 3

async function checkTables(path: string): Promise<void> {
  try {
    await execute('qemu-img', ['check', '-q', '-f', 'qcow2', path], { timeout: CHECK_MS })
  } catch (cause) {
    if ((cause as { code?: unknown }).code === LEAKS_ONLY) return
    throw new StorageError('image-unsafe', `The tables of the qcow2 disk ${path} are not in order.`, {
      cause,
    })
  }
}

/** Puts the disk at `to` as qcow2: moved if it is that already, else converted. */
export async function toQcow2(
  from: string,
  format: ImageSource['disk']['format'],
  to: string,
  signal: AbortSignal,
): Promise<void> {
  if (format === 'qcow2') return rename(from, to)
  const args = ['convert', '-q', '-f', format, '-O', 'qcow2', from, to]
  try {
    await execute('qemu-img', args, { timeout: CONVERT_MS, signal })
  } catch (cause) {
    if (signal.aborted) throw new StorageError('interrupted', 'The conversion was broken off.', { cause })
    const { stderr } = cause as { stderr?: string }
    throw new StorageError('io', `qemu-img could not convert ${from}: ${stderr?.trim() || String(cause)}`, {
      cause,
    })
  }
}
