import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
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

/** The lease id as a file name. Throws StorageError `invalid`: nothing else may become part of a path. */
export function leaseFileName(leaseId: Hex): string {
  if (isHex(leaseId) && leaseId.length >= 3 && leaseId.length <= 66) return leaseId.slice(2).toLowerCase()
  throw new StorageError(
    'invalid',
    `${JSON.stringify(leaseId)} is not a lease id: 0x and up to 64 hex digits`,
  )
}
