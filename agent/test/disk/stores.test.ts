import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeDiskStore } from '../../src/disk/disk-store.ts'
import { makeSeedStore } from '../../src/disk/seed-store.ts'
import { makeBuiltStore } from '../../src/image/built-store.ts'

const run = promisify(execFile)
const tools = existsSync('/usr/bin/qemu-img') && existsSync('/usr/bin/genisoimage')
if (!tools) console.warn('SKIPPED: disks, images and seeds: qemu-img or genisoimage is not installed')

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-stores-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** A small image in the layout that the build writes. */
async function makeImage(id = 'small') {
  const root = join(directory, 'images', id, 'k1')
  await mkdir(root, { recursive: true })
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(root, 'disk.qcow2'), '64M'])
  await writeFile(join(root, 'vmlinuz'), 'kernel')
  await writeFile(join(root, 'initrd.img'), 'initrd')
  const entry = async (file: string) => ({
    file,
    sha256: createHash('sha256')
      .update(await readFile(join(root, file)))
      .digest('hex'),
  })
  const files = {
    disk: await entry('disk.qcow2'),
    kernel: await entry('vmlinuz'),
    initrd: await entry('initrd.img'),
  }
  const head = {
    version: 1,
    id,
    buildKey: 'k1',
    arch: 'x86_64',
    virtualSizeBytes: 64 << 20,
    cmdline: 'quiet',
  }
  await writeFile(join(root, 'manifest.json'), JSON.stringify({ ...head, files }))
  await symlink('k1', join(directory, 'images', id, 'current'))
  return { root, store: makeBuiltStore(join(directory, 'images')) }
}

describe.skipIf(!tools)('images', () => {
  test('a sound image is handed out by the path of its own build', async () => {
    const { root, store } = await makeImage()
    const image = await store.ensure('small')
    expect(image).toMatchObject({
      id: 'small',
      diskPath: join(root, 'disk.qcow2'),
      virtualSizeBytes: 64 << 20,
    })
    expect(await store.list()).toEqual(['small'])
  })

  test.each(['disk.qcow2', 'vmlinuz', 'initrd.img'])(
    'one changed byte in %s is found, even after a good read',
    async (file) => {
      const { root, store } = await makeImage()
      await store.ensure('small')
      const bytes = await readFile(join(root, file))
      bytes[bytes.length - 1]! ^= 1
      await writeFile(join(root, file), bytes)
      const error = { code: 'image-corrupt', message: expect.stringContaining(file) }
      await expect(store.ensure('small')).rejects.toMatchObject(error)
    },
  )

  test('a missing file, a broken manifest, another image and an absent one each say so', async () => {
    const { root, store } = await makeImage()
    await expect(store.ensure('other')).rejects.toMatchObject({ code: 'image-missing' })
    await expect(store.ensure('../small')).rejects.toMatchObject({ code: 'invalid' })
    await symlink('small', join(directory, 'images', 'alias'))
    await expect(store.ensure('alias')).rejects.toMatchObject({ code: 'image-corrupt' })
    await rm(join(root, 'vmlinuz'))
    await expect(store.ensure('small')).rejects.toMatchObject({ code: 'image-corrupt' })
    await writeFile(join(root, 'manifest.json'), '{"version":1')
    await expect(store.ensure('small')).rejects.toMatchObject({ code: 'image-corrupt' })
  })
})

describe.skipIf(!tools)('disks', () => {
  async function subject() {
    const image = await (await makeImage()).store.ensure('small')
    return { image, disks: makeDiskStore(join(directory, 'disks')) }
  }

  test('the disk of one lease is taken over by another, whole and once', async () => {
    const { image, disks } = await subject()
    const path = await disks.createOverlay('0xa1', image, 1)
    const { ino } = await stat(path)
    await disks.quarantine('0xa1', 5)
    const one = { from: '0xa1', quarantinedAt: 5, to: '0xb2', sizeGiB: 2 } as const
    await expect(disks.adopt({ ...one, quarantinedAt: 6 })).rejects.toMatchObject({ code: 'disk-missing' })
    await disks.createOverlay('0xb2', image, 1)
    await expect(disks.adopt(one)).rejects.toMatchObject({ code: 'disk-exists' })
    await disks.quarantine('0xb2', 7)
    const adopted = await disks.adopt(one)
    expect((await stat(adopted)).ino).toBe(ino)
    const { stdout } = await run('qemu-img', ['info', '--output=json', adopted])
    expect(JSON.parse(stdout)).toMatchObject({ 'virtual-size': 2 * 1024 ** 3 })
    expect((await disks.list()).map(({ leaseId, quarantinedAt }) => [leaseId, quarantinedAt])).toEqual([
      ['0xb2', 7],
      ['0xb2', null],
    ])
    await expect(disks.adopt(one)).rejects.toMatchObject({ code: 'disk-exists' })
  })

  test('an overlay has its size and base, is made once, and is private', async () => {
    const { image, disks } = await subject()
    const path = await disks.createOverlay('0xA1', image, 1)
    const { stdout } = await run('qemu-img', ['info', '--output=json', path])
    expect(JSON.parse(stdout)).toMatchObject({
      'virtual-size': 1024 ** 3,
      'backing-filename': image.diskPath,
    })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const { ino } = await stat(path)
    expect(await disks.createOverlay('0xa1', image, 1)).toBe(path)
    expect((await stat(path)).ino).toBe(ino)
    await expect(disks.createOverlay('0xa1', image, 2)).rejects.toMatchObject({ code: 'disk-exists' })
  })

  test('what an interrupted creation left is replaced and never listed', async () => {
    const { image, disks } = await subject()
    await disks.list()
    await writeFile(join(directory, 'disks', 'a1.qcow2.partial'), 'torn')
    expect(await disks.list()).toEqual([])
    await disks.createOverlay('0xa1', image, 1)
    expect(await readdir(join(directory, 'disks'))).toEqual(['a1.qcow2'])
  })

  test('a disk goes to quarantine and back with its contents, and only the old are purged', async () => {
    const { image, disks } = await subject()
    const path = await disks.createOverlay('0xa1', image, 1)
    await run('qemu-io', ['-c', 'write -P 0x5a 0 4096', path])
    await expect(disks.purge('0xa1', 9_999_999_999)).rejects.toMatchObject({ code: 'refused' })
    await disks.quarantine('0xa1', 1000)
    await disks.quarantine('0xa1', 2000)
    expect(await disks.list()).toMatchObject([{ leaseId: '0xa1', quarantinedAt: 1000 }])
    await expect(disks.createOverlay('0xa1', image, 1)).rejects.toMatchObject({ code: 'disk-exists' })
    await disks.purge('0xa1', 999)
    expect(await disks.restore('0xa1')).toBe(path)
    await run('qemu-io', ['-c', 'read -P 0x5a 0 4096', path])
    await disks.quarantine('0xa1', 3000)
    await disks.purge('0xa1', 3000)
    expect(await disks.list()).toEqual([])
    await expect(disks.restore('0xa1')).rejects.toMatchObject({ code: 'disk-missing' })
    await expect(disks.quarantine('0xa1', 1)).rejects.toMatchObject({ code: 'disk-missing' })
  })

  test('a disk below the base, an odd size and an odd lease are refused', async () => {
    const { image, disks } = await subject()
    const large = { ...image, virtualSizeBytes: 3 * 1024 ** 3 }
    await expect(disks.createOverlay('0xa1', large, 2)).rejects.toMatchObject({ code: 'too-small' })
    await expect(disks.createOverlay('0xa1', image, 1.5)).rejects.toMatchObject({ code: 'invalid' })
    await expect(disks.createOverlay('0x../b', image, 1)).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe.skipIf(!tools)('seeds', () => {
  test('a seed is a private NoCloud ISO with the three files, replaced and removed with the lease', async () => {
    const seeds = makeSeedStore(join(directory, 'seeds'))
    await seeds.write('0xa1', { userData: 'old', metaData: 'm', networkConfig: 'n' })
    const path = await seeds.write('0xa1', {
      userData: '#cloud-config\n{}\n',
      metaData: 'meta',
      networkConfig: 'net',
    })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(directory, 'seeds'))).toEqual(['a1.iso'])
    const { stdout } = await run('isoinfo', ['-R', '-i', path, '-x', '/user-data'])
    expect(stdout).toBe('#cloud-config\n{}\n')
    expect((await run('isoinfo', ['-d', '-i', path])).stdout).toContain('Volume id: cidata')
    expect(await seeds.list()).toEqual(['0xa1'])
    await seeds.remove('0xa1')
    await seeds.remove('0xa1')
    expect(await seeds.list()).toEqual([])
  })
})
