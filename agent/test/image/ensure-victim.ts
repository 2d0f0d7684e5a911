// A process that wants an image; it says where it lies.
import { join } from 'node:path'
import { DOWNLOAD_LIMITS } from '../../src/image/download.ts'
import { makeFetchedStore } from '../../src/image/fetched-store.ts'

const [directory, url, sha256] = process.argv.slice(2)
const store = makeFetchedStore({
  folder: join(directory!, 'fetched'),
  diskFolder: join(directory!, 'disks'),
  limits: { ...DOWNLOAD_LIMITS, keepFreeBytes: 0 },
  graceMs: 0,
  lingerMs: 0,
  nowMs: Date.now,
  random: Math.random,
})
const image = await store.ensure('a', {
  arch: 'x86_64',
  disk: { format: 'qcow2', urls: [url!], sha256: sha256! },
  boot: { kind: 'firmware', firmware: 'bios' },
})
process.stdout.write(`${image.diskPath}\n`)
