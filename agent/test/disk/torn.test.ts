// What a power cut or a full disk leaves behind in the stores, and what becomes of it.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeDiskStore } from '../../src/disk/disk-store.ts'
import { makeSeedStore } from '../../src/disk/seed-store.ts'
import type { VerifiedImage } from '../../src/ports/storage.ts'
import { failureOf } from '../../src/reconcile/failure.ts'

const run = promisify(execFile)
const tools = existsSync('/usr/bin/qemu-img') && existsSync('/usr/bin/genisoimage')
if (!tools) console.warn('SKIPPED: torn writes: qemu-img or genisoimage is not installed')

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-torn-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const makeImage = async (): Promise<VerifiedImage> => {
  const diskPath = join(directory, 'base.qcow2')
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', diskPath, '64M'])
  return {
    id: 'small',
    arch: 'x86_64',
    diskPath,
    diskSha256: '0'.repeat(64),
    virtualSizeBytes: 64 << 20,
    boot: { kind: 'firmware', firmware: 'bios' },
  }
}
const SEED = { userData: '#cloud-config\n', metaData: 'm', networkConfig: 'n' }

describe.skipIf(!tools)('disks', () => {
  it('set aside in one second keep a stamp each, and come back one by one with what was told of them', async () => {
    const image = await makeImage()
    const disks = makeDiskStore(join(directory, 'disks'))
    for (const [install, content] of [
      [0, '0x11'],
      [5, '0x22'],
      [9, '0x33'],
    ] as const) {
      const path = await disks.createOverlay('0xa1', image, 1, true)
      await run('qemu-io', ['-c', `write -P ${content} 0 4096`, path])
      await disks.quarantine('0xa1', 1_000, install)
    }
    const aside = (await disks.list()).map(({ quarantinedAt, install }) => [quarantinedAt, install])
    expect(aside.sort()).toEqual([
      [1_000, 0],
      [1_001, 5],
      [1_002, 9],
    ])
    const path = await disks.restore('0xa1', 1_001)
    await run('qemu-io', ['-c', 'read -P 0x22 0 4096', path])
    await expect(disks.restore('0xa1')).rejects.toMatchObject({ code: 'disk-exists' })
    await disks.quarantine('0xa1', 1_000, 5)
    await run('qemu-io', ['-c', 'read -P 0x33 0 4096', await disks.restore('0xa1')])
    await expect(disks.restore('0xa2', 1_001)).rejects.toMatchObject({ code: 'disk-missing' })
  })

  it('that a killed process left half-made are gone when the next one looks; others are not touched', async () => {
    const image = await makeImage()
    const folder = join(directory, 'disks')
    await mkdir(folder)
    await writeFile(join(folder, 'a1.qcow2.partial'), 'QFI\xfb torn')
    await writeFile(join(folder, 'notes.txt'), "the operator's own")
    const disks = makeDiskStore(folder)
    expect(await disks.list()).toEqual([])
    expect(await readdir(folder)).toEqual(['notes.txt'])
    await disks.createOverlay('0xa1', image, 1)
    expect((await readdir(folder)).sort()).toEqual(['a1.qcow2', 'notes.txt'])
  })

  it('whose header is damaged are said to be so, and left as they are', async () => {
    const image = await makeImage()
    const disks = makeDiskStore(join(directory, 'disks'))
    const path = await disks.createOverlay('0xa1', image, 1)
    await writeFile(path, Buffer.alloc(512))
    const error = await disks.createOverlay('0xa1', image, 1).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'disk-corrupt' })
    expect(failureOf(error)).toMatchObject({ reason: { code: 'disk-corrupt' }, final: false })
    expect(await disks.list()).toHaveLength(1)
  })
})

describe.skipIf(!tools)('seeds', () => {
  it('that a killed process left in the clear are gone when the next one looks', async () => {
    const folder = join(directory, 'seeds')
    await mkdir(join(folder, '.a1-Xy12zQ'), { recursive: true })
    await writeFile(join(folder, '.a1-Xy12zQ', 'user-data'), 'a password hash')
    const seeds = makeSeedStore(folder)
    expect(await seeds.list()).toEqual([])
    expect(await readdir(folder)).toEqual([])
    await seeds.write('0xa1', SEED)
    expect(await readdir(folder)).toEqual(['a1.iso'])
  })
})

/** A file system of its own that is soon full; false where this user may not mount one. */
const mounted = (folder: string, size: string): boolean =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]).status === 0

describe.skipIf(!tools)('a disk that is really full', () => {
  let folder = ''
  let full = false
  beforeEach(async () => {
    folder = join(directory, 'full')
    await mkdir(folder)
    full = mounted(folder, '64k')
    if (!full) console.warn('SKIPPED: a full disk: this user may not mount one')
  })
  afterEach(() => {
    if (full) spawnSync('umount', [folder])
  })

  it('keeps an overlay from being made, leaves nothing under its name, and is retried', async (context) => {
    if (!full) return context.skip()
    const image = await makeImage()
    const disks = makeDiskStore(folder)
    const error = await disks.createOverlay('0xa1', image, 1).catch((e: unknown) => e)
    expect(failureOf(error)).toMatchObject({ reason: { code: 'disk-full' }, final: false })
    expect(await disks.list()).toEqual([])
    spawnSync('mount', ['-o', 'remount,size=8m', folder])
    await disks.createOverlay('0xa1', image, 1)
    expect(await readdir(folder)).toEqual(['a1.qcow2'])
  })

  it('keeps a seed from being written, and an earlier one stays whole', async (context) => {
    if (!full) return context.skip()
    spawnSync('mount', ['-o', 'remount,size=900k', folder])
    const seeds = makeSeedStore(folder)
    await seeds.write('0xa1', SEED)
    await writeFile(join(folder, 'ballast'), Buffer.alloc(300 << 10)).catch(() => undefined)
    const error = await seeds
      .write('0xa1', { ...SEED, userData: 'x'.repeat(200 << 10) })
      .catch((e: unknown) => e)
    expect(failureOf(error)).toMatchObject({ reason: { code: 'disk-full' }, final: false })
    expect((await readdir(folder)).sort()).toEqual(['a1.iso', 'ballast'])
    expect((await run('isoinfo', ['-R', '-i', join(folder, 'a1.iso'), '-x', '/user-data'])).stdout).toBe(
      SEED.userData,
    )
  })
})
