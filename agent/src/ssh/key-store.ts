import { mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { leaseFileName, once, syncPath } from '../disk/files.ts'
import type { KeyPair, LeaseKeyStore, LeaseKeys } from '../ports/lease-keys.ts'
import { StorageError } from '../ports/storage.ts'
import { makeKeyPair } from './key-pair.ts'

const NAMES = ['authority', 'host', 'login'] as const
const kept = /^[0-9a-f]{1,64}$/
/** What a killed process left: keys that nobody was ever told of. */
const torn = /^\.[0-9a-f]{1,64}-[A-Za-z0-9]+$/

/** Where the private half of a lease's authority lies, for the tool that signs with it. */
export const authorityFile = (directory: string, leaseId: Hex): string =>
  join(directory, leaseFileName(leaseId), 'authority')

/**
 * `<lease>/{authority,host,login}[.pub]` in `directory`, which only this user may enter; private halves have mode 0600.
 * The folder of a lease gets its name once all of it is on disk: it is there whole or not at all.
 */
export const makeKeyStore = (directory: string, generate: () => KeyPair = makeKeyPair): LeaseKeyStore => {
  const folderOf = (leaseId: Hex) => join(directory, leaseFileName(leaseId))
  const swept = once(async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const left = (await readdir(directory)).filter((name) => torn.test(name))
    await Promise.all(left.map((name) => rm(join(directory, name), { recursive: true, force: true })))
  })

  const of = async (leaseId: Hex): Promise<LeaseKeys | null> => {
    const folder = folderOf(leaseId)
    const [authority, host, login] = await Promise.all(NAMES.map((name) => readPair(join(folder, name))))
    return authority && host && login ? { authority, host, login } : null
  }

  const ensure = async (leaseId: Hex): Promise<LeaseKeys> => {
    await swept()
    const known = await of(leaseId)
    if (known !== null) return known
    const scratch = await mkdtemp(join(directory, `.${leaseFileName(leaseId)}-`))
    try {
      for (const name of NAMES) await writePair(join(scratch, name), generate())
      await syncPath(scratch)
      await rename(scratch, folderOf(leaseId))
      await syncPath(directory)
    } catch (cause) {
      throw new StorageError('io', `The keys of lease ${leaseId} cannot be written to ${directory}.`, {
        cause,
      })
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
    const made = await of(leaseId)
    if (made !== null) return made
    throw new StorageError('io', `The keys of lease ${leaseId} are gone from ${directory}.`)
  }

  return {
    ensure,
    of,
    remove: (leaseId) => rm(folderOf(leaseId), { recursive: true, force: true }),
    async list() {
      await swept()
      return (await readdir(directory)).filter((name) => kept.test(name)).map((name): Hex => `0x${name}`)
    },
  }
}

const writePair = async (path: string, { privateKey, publicKey }: KeyPair) => {
  await writeSynced(path, privateKey, 0o600)
  await writeSynced(`${path}.pub`, `${publicKey}\n`, 0o644)
}

const writeSynced = async (path: string, text: string, mode: number) => {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

const readPair = async (path: string): Promise<KeyPair | null> => {
  try {
    const [privateKey, publicKey] = await Promise.all([
      readFile(path, 'utf8'),
      readFile(`${path}.pub`, 'utf8'),
    ])
    return { privateKey, publicKey: publicKey.trim() }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new StorageError('io', `The key ${path} cannot be read.`, { cause })
  }
}
