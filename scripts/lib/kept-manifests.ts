// What a tenant has to keep between the opening of a lease for any node and its assignment: salt and manifest. They hold
// keys to the machine, so each lies in a file of its own that nobody else may read.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import { type Hex, isHex } from 'viem'

export const makeKeptManifests = (folder: string) => {
  const fileOf = (leaseId: Hex) => join(folder, `${leaseId}.manifest`)
  return {
    keep: async (leaseId: Hex, payload: Hex) => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(fileOf(leaseId), payload, { mode: 0o600 })
    },
    /** @throws DecloudError `manifest-lost`. */
    read: async (leaseId: Hex): Promise<Hex> => {
      const text = await readFile(fileOf(leaseId), 'utf8').catch((cause: unknown) => {
        throw lost(leaseId, folder, cause)
      })
      if (isHex(text)) return text
      throw lost(leaseId, folder)
    },
    forget: (leaseId: Hex) => rm(fileOf(leaseId), { force: true }),
  }
}

const lost = (leaseId: Hex, folder: string, cause?: unknown) =>
  new DecloudError('manifest-lost', `The manifest of ${leaseId} is not kept in ${folder}.`, {
    hint: 'Name the folder with --state. Without it no node can start the lease: close it, the whole deposit comes back.',
    cause,
  })
