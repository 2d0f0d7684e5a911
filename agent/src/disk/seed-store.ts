import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from 'viem'
import type { SeedFiles, SeedStore } from '../ports/storage.ts'
import { leaseFileName, once, publish, runTool, sweep } from './files.ts'

const seed = /^([0-9a-f]{1,64})\.iso$/
/** A scratch folder holds keys and hashes in the clear: one that a killed process left must not stay. */
const torn = /^\.[0-9a-f]{1,64}-[A-Za-z0-9]+$|\.partial$/

/** NoCloud seeds as `<lease>.iso` in `directory`. @param mode of each seed: it holds keys and hashes. */
export function makeSeedStore(directory: string, mode = 0o600): SeedStore {
  const pathOf = (leaseId: Hex) => join(directory, `${leaseFileName(leaseId)}.iso`)
  const swept = once(() => sweep(directory, torn))

  async function write(leaseId: Hex, files: SeedFiles): Promise<string> {
    const path = pathOf(leaseId)
    await swept()
    // mkdtemp makes its directory 0700: the plain text is never readable by others, not even for a moment.
    const scratch = await mkdtemp(join(directory, `.${leaseFileName(leaseId)}-`))
    try {
      await writeFile(join(scratch, 'user-data'), files.userData)
      await writeFile(join(scratch, 'meta-data'), files.metaData)
      await writeFile(join(scratch, 'network-config'), files.networkConfig)
      const iso = join(scratch, 'seed.iso')
      const names = ['user-data', 'meta-data', 'network-config'].map((name) => join(scratch, name))
      await runTool('genisoimage', [
        '-quiet',
        '-output',
        iso,
        '-volid',
        'cidata',
        '-joliet',
        '-rock',
        ...names,
      ])
      await chmod(iso, mode)
      await publish(iso, path)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
    return path
  }

  return {
    write,
    remove: (leaseId) => rm(pathOf(leaseId), { force: true }),
    async list() {
      await swept()
      const names = await readdir(directory)
      return names.flatMap((name): Hex[] => {
        const match = seed.exec(name)
        return match ? [`0x${match[1]}`] : []
      })
    },
  }
}
