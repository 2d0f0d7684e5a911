import { execFile } from 'node:child_process'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Hex, isHex } from 'viem'
import { StorageError } from '../ports/storage.ts'

const execute = promisify(execFile)

/** Runs a tool without a shell. Rejects with StorageError `io`, carrying what the tool printed. */
export async function runTool(tool: string, args: readonly string[], timeoutMs = 120_000): Promise<string> {
  try {
    return (await execute(tool, args, { timeout: timeoutMs, maxBuffer: 1 << 20 })).stdout
  } catch (cause) {
    const { stderr } = cause as { stderr?: string }
    throw new StorageError('io', `${tool} failed: ${stderr?.trim() || String(cause)}`, { cause })
  }
}

/** QEMU's user may pass through, but not list: what is inside is protected by each file's own mode. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o711 })
}

/**
 * Gives a finished file its name so that it survives a power cut whole: contents first, then the name. Without the
 * first, some file systems keep the new name with nothing in it.
 */
export async function publish(from: string, to: string): Promise<void> {
  await syncPath(from)
  await rename(from, to)
  await syncPath(dirname(to))
}

/** A file's contents, or the names in a folder. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes `directory` and removes what a killed process left half-made in it. */
export async function sweep(directory: string, leftover: RegExp): Promise<void> {
  await makeDirectory(directory)
  const names = (await readdir(directory)).filter((name) => leftover.test(name))
  await Promise.all(names.map((name) => rm(join(directory, name), { recursive: true, force: true })))
}

/** @returns a function that runs `work` at its first call, and again only if that failed. */
export function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null
  return () => {
    done ??= work().catch((error: unknown) => {
      done = null
      throw error
    })
    return done
  }
}

/** The lease id as a file name. Throws StorageError `invalid`: nothing else may become part of a path. */
export function leaseFileName(leaseId: Hex): string {
  if (isHex(leaseId) && leaseId.length >= 3 && leaseId.length <= 66) return leaseId.slice(2).toLowerCase()
  throw new StorageError(
    'invalid',
    `${JSON.stringify(leaseId)} is not a lease id: 0x and up to 64 hex digits`,
  )
}
