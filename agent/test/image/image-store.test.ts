// Which image a name means on this node, and which one a disk stands on.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeDiskStore } from '../../src/disk/disk-store.ts'
import { makeBuiltStore } from '../../src/image/built-store.ts'
import { type Catalogue, loadCatalogue, overlaid, sourceOf } from '../../src/image/catalogue.ts'
import { DOWNLOAD_LIMITS } from '../../src/image/download.ts'
import { makeFetchedStore } from '../../src/image/fetched-store.ts'
import { makeImageStore } from '../../src/image/image-store.ts'
import { type Mirror, sha256, startMirror } from './mirror.ts'

const run = promisify(execFile)
const tools = existsSync('/usr/bin/qemu-img')
if (!tools) console.warn('SKIPPED: image names: qemu-img is not installed')

let directory = ''
const mirrors: Mirror[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-images-'))
})
afterEach(async () => {
  for (const one of mirrors.splice(0)) await one.close()
  await rm(directory, { recursive: true, force: true })
})

const source = (arch: 'x86_64' | 'aarch64', url: string, digest: string | null) => ({
  arch,
  disk: { format: 'qcow2' as const, urls: [url], sha256: digest },
  boot: { kind: 'firmware' as const, firmware: 'uefi' as const },
})

const catalogueOf = (...images: [string, ReturnType<typeof source>[]][]): Catalogue => ({
  version: 1,
  images: images.map(([id, sources]) => ({ id, title: id, sources })),
})

async function makeDisk(name: string): Promise<Buffer> {
  const path = join(directory, `${name}.qcow2`)
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', path, '16M'])
  await run('qemu-io', ['-c', `write -q -P ${name.length} 0 65536`, path])
  return readFile(path)
}

/** A build as scripts/image/build.sh leaves it; the newest is the current one. */
async function build(id: string, key: string, arch: 'x86_64' | 'aarch64') {
  const root = join(directory, 'built', id, key)
  await mkdir(root, { recursive: true })
  const disk = await makeDisk(`${id}${key}`)
  await writeFile(join(root, 'disk.qcow2'), disk)
  await writeFile(join(root, 'vmlinuz'), key)
  const entry = (file: string, bytes: Uint8Array) => ({ file, sha256: sha256(bytes) })
  const files = {
    disk: entry('disk.qcow2', disk),
    kernel: entry('vmlinuz', Buffer.from(key)),
    initrd: entry('vmlinuz', Buffer.from(key)),
  }
  const manifest = { version: 1, id, buildKey: key, arch, virtualSizeBytes: 16 << 20, cmdline: key, files }
  await writeFile(join(root, 'manifest.json'), JSON.stringify(manifest))
  await rm(join(directory, 'built', id, 'current'), { force: true })
  await symlink(key, join(directory, 'built', id, 'current'))
  return join(root, 'disk.qcow2')
}

const storeWith = (catalogue: Catalogue, guestArchs: readonly ('x86_64' | 'aarch64')[] = ['x86_64']) => {
  const state = { catalogue }
  const fetched = makeFetchedStore({
    folder: join(directory, 'fetched'),
    diskFolder: join(directory, 'disks'),
    limits: { ...DOWNLOAD_LIMITS, keepFreeBytes: 0, backoff: { baseMs: 1, capMs: 1 } },
    graceMs: 0,
    lingerMs: 0,
    nowMs: Date.now,
    random: Math.random,
  })
  const store = makeImageStore({
    built: makeBuiltStore(join(directory, 'built')),
    fetched,
    catalogue: async () => state.catalogue,
    operatorFile: '/operator/catalogue.json',
    arch: 'x86_64',
    guestArchs,
  })
  return { store, state, fetched }
}

describe.skipIf(!tools)('a name', () => {
  test('means what was built here, before what the catalogue offers', async () => {
    const path = await build('debian-12', 'k1', 'x86_64')
    const { store } = storeWith(
      catalogueOf(['debian-12', [source('x86_64', 'http://127.0.0.1:1/', '0'.repeat(64))]]),
    )
    expect(await store.ensure('debian-12')).toMatchObject({ diskPath: path, boot: { kind: 'kernel' } })
    expect(await store.list()).toEqual(['debian-12'])
  })

  test.each([
    ['nowhere known', 'other', 'image-missing', /neither built on this node nor in its catalogue/],
    ['for another architecture', 'arm', 'image-foreign', /for aarch64; this node runs x86_64/],
    ['not pinned', 'loose', 'image-unpinned', /images pin loose.*\/operator\/catalogue\.json/],
    ['of an unreachable source', 'far', 'image-unreachable', /cannot be reached/],
    ['no name', '../etc', 'invalid', /not an image id/],
  ])('%s is refused in its own way', async (_, id, code, message) => {
    const closed = 'http://127.0.0.1:1/disk'
    const { store } = storeWith(
      catalogueOf(
        ['arm', [source('aarch64', closed, '0'.repeat(64))]],
        ['loose', [source('x86_64', closed, null)]],
        ['far', [source('x86_64', closed, '0'.repeat(64))]],
      ),
    )
    await expect(store.ensure(id)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('built for another architecture runs only where that is emulated', async () => {
    await build('tiny-arm64', 'k1', 'aarch64')
    const { store } = storeWith(catalogueOf())
    await expect(store.ensure('tiny-arm64')).rejects.toMatchObject({ code: 'image-foreign' })
    const both = storeWith(catalogueOf(), ['x86_64', 'aarch64']).store
    expect(await both.ensure('tiny-arm64')).toMatchObject({ arch: 'aarch64' })
  })
})

describe.skipIf(!tools)('a disk', () => {
  test('keeps the build it was made on, kernel and all, when a newer one is built', async () => {
    const before = await build('debian-12', 'k1', 'x86_64')
    const { store } = storeWith(catalogueOf())
    const disks = makeDiskStore(join(directory, 'disks'))
    await disks.createOverlay('0xa1', await store.ensure('debian-12'), 1)
    const after = await build('debian-12', 'k2', 'x86_64')
    expect((await store.ensure('debian-12')).diskPath).toBe(after)
    const base = await disks.baseOf('0xa1')
    expect(base).toBe(before)
    expect(await store.standingOn(base!)).toMatchObject({ diskPath: before, boot: { cmdline: 'k1' } })
    expect(await disks.baseOf('0xa2')).toBeNull()
  })

  test('keeps its fetched image when the catalogue wants another, and has it mended while it wants the same', async () => {
    const file = await makeDisk('one')
    const from = await startMirror(file)
    mirrors.push(from)
    const wanted = catalogueOf(['house', [source('x86_64', from.url, sha256(file))]])
    const { store, state } = storeWith(wanted)
    const { diskPath } = await store.ensure('house')
    await rm(diskPath)
    await writeFile(diskPath, 'damaged')
    expect((await store.standingOn(diskPath)).diskPath).toBe(diskPath)
    expect(sha256(await readFile(diskPath))).toBe(sha256(file))

    state.catalogue = catalogueOf(['house', [source('x86_64', from.url, '0'.repeat(64))]])
    const asked = from.ranges.length
    expect((await store.standingOn(diskPath)).diskPath).toBe(diskPath)
    expect(from.ranges).toHaveLength(asked)
    await rm(diskPath)
    await writeFile(diskPath, 'damaged')
    await expect(store.standingOn(diskPath)).rejects.toMatchObject({ code: 'image-corrupt' })
  })

  test('on an image that is in no folder of ours is not started on another', async () => {
    const { store } = storeWith(catalogueOf())
    for (const path of ['/elsewhere/disk.qcow2', join(directory, 'fetched/../x/disk.qcow2')]) {
      await expect(store.standingOn(path)).rejects.toMatchObject({ code: 'image-missing' })
    }
  })
})

describe('the catalogue', () => {
  test('that comes with the agent names each image for both architectures at two mirrors or more', async () => {
    const { images } = await loadCatalogue('/nowhere/catalogue.json')
    expect(images.map(({ id }) => id)).toEqual([
      'debian-12',
      'ubuntu-24.04',
      'ubuntu-22.04',
      'fedora-42',
      'alpine-3.21',
    ])
    for (const { sources } of images) {
      expect(sources.map(({ arch }) => arch).sort()).toEqual(['aarch64', 'x86_64'])
      for (const { arch, disk, boot } of sources) {
        expect(new Set(disk.urls.map((url) => new URL(url).host)).size).toBeGreaterThanOrEqual(2)
        expect(boot).toEqual({ kind: 'firmware', firmware: arch === 'aarch64' ? 'uefi' : 'bios' })
      }
    }
  })

  test('is overlaid source by source', () => {
    const base = catalogueOf([
      'a',
      [source('x86_64', 'https://a/', null), source('aarch64', 'https://b/', null)],
    ])
    const own = catalogueOf(
      ['a', [source('x86_64', 'https://mine/', '1'.repeat(64))]],
      ['b', [source('x86_64', 'https://c/', null)]],
    )
    const both = overlaid(base, own)
    expect(sourceOf(both, 'a', 'x86_64')?.disk.sha256).toBe('1'.repeat(64))
    expect(sourceOf(both, 'a', 'aarch64')?.disk.urls).toEqual(['https://b/'])
    expect(sourceOf(both, 'b', 'x86_64')).not.toBeNull()
    expect(sourceOf(both, 'b', 'aarch64')).toBeNull()
  })
})
