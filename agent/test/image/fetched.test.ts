// The store of fetched images: what is let in, kept, shared, and forgotten.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeDiskStore } from '../../src/disk/disk-store.ts'
import type { ImageSource } from '../../src/image/catalogue.ts'
import { DOWNLOAD_LIMITS } from '../../src/image/download.ts'
import { makeFetchedStore } from '../../src/image/fetched-store.ts'
import { tryLock } from '../../src/lib/file-lock.ts'
import type { ImageProgress } from '../../src/ports/storage.ts'
import { type Mirror, sha256, someBytes, startMirror } from './mirror.ts'

const run = promisify(execFile)
const tools = existsSync('/usr/bin/qemu-img')
if (!tools) console.warn('SKIPPED: fetched images: qemu-img is not installed')

let directory = ''
const mirrors: Mirror[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-fetched-'))
})
afterEach(async () => {
  for (const one of mirrors.splice(0)) await one.close()
  await rm(directory, { recursive: true, force: true })
})

const mirror = async (...args: Parameters<typeof startMirror>) => {
  const started = await startMirror(...args)
  mirrors.push(started)
  return started
}

const makeStore = (change: { nowMs?: () => number; lingerMs?: number; keepFreeBytes?: number } = {}) =>
  makeFetchedStore({
    folder: join(directory, 'fetched'),
    diskFolder: join(directory, 'disks'),
    limits: {
      ...DOWNLOAD_LIMITS,
      backoff: { baseMs: 1, capMs: 4 },
      keepFreeBytes: change.keepFreeBytes ?? 0,
    },
    graceMs: 1_000,
    lingerMs: change.lingerMs ?? 0,
    nowMs: change.nowMs ?? Date.now,
    random: Math.random,
  })

/** A small qcow2 with bytes of its own in it. */
async function makeDisk(...args: readonly string[]): Promise<Buffer> {
  const path = join(directory, `source-${Math.random().toString(36).slice(2)}.qcow2`)
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, path, '16M'])
  await run('qemu-io', ['-c', `write -q -P 0x5a 0 ${1 << 20}`, path]).catch(() => {}) // refused for odd ones, which is fine
  return readFile(path)
}

const sourceFor = (
  urls: readonly string[],
  digest: string | null,
  change: Partial<ImageSource> = {},
): ImageSource => ({
  arch: 'x86_64',
  disk: { format: 'qcow2', urls: [...urls], sha256: digest },
  boot: { kind: 'firmware', firmware: 'bios' },
  ...change,
})

describe.skipIf(!tools)('an image from the catalogue', () => {
  test('is downloaded once, checked, kept read-only, and found again by another process', async () => {
    const file = await makeDisk()
    const from = await mirror(file)
    const source = sourceFor([from.url], sha256(file))
    const image = await makeStore().ensure('alpine-3.21', source)
    expect(image).toMatchObject({
      id: 'alpine-3.21',
      arch: 'x86_64',
      virtualSizeBytes: 16 << 20,
      diskSha256: sha256(file),
      boot: { kind: 'firmware', firmware: 'bios' },
    })
    expect((await stat(image.diskPath)).mode & 0o777).toBe(0o444)
    expect(await makeStore().ensure('alpine-3.21', source)).toEqual(image)
    expect(from.ranges).toHaveLength(1)
    expect(await readdir(join(directory, 'fetched/x86_64/alpine-3.21'))).toHaveLength(2) // the image and its lock
  })

  test('without a checksum is not even asked for', async () => {
    const file = await makeDisk()
    const from = await mirror(file)
    await expect(makeStore().ensure('a', sourceFor([from.url], null))).rejects.toMatchObject({
      code: 'image-unpinned',
    })
    expect(from.ranges).toEqual([])
  })

  test('one download serves all who wait; each sees its progress, and one that leaves disturbs nobody', async () => {
    const file = await makeDisk()
    const from = await mirror(file, { rate: 2_000_000 })
    const source = sourceFor([from.url], sha256(file))
    const store = makeStore()
    const stop = new AbortController()
    const seen: ImageProgress[][] = [[], []]
    const first = store.ensure('a', source, { signal: stop.signal, onProgress: (p) => seen[0]!.push(p) })
    const others = [1, 2, 3].map(() =>
      store.ensure('a', source, { onProgress: (p) => (seen[1]!.push(p) > 2 ? stop.abort() : undefined) }),
    )
    await expect(first).rejects.toMatchObject({ code: 'interrupted' })
    const images = await Promise.all(others)
    expect(new Set(images.map(({ diskPath }) => diskPath)).size).toBe(1)
    expect(from.ranges).toHaveLength(1)
    expect(seen[0]!.some(({ doing }) => doing === 'downloading')).toBe(true)
    const downloading = seen[1]!.filter(({ doing }) => doing === 'downloading')
    expect(downloading.at(-1)).toMatchObject({ doneBytes: file.length, totalBytes: file.length })
  })

  test('the last who leaves ends the download; it goes on where it was', async () => {
    const file = await makeDisk()
    const from = await mirror(file, { rate: 500_000 })
    const source = sourceFor([from.url], sha256(file))
    const store = makeStore()
    const stop = new AbortController()
    const leaving = {
      signal: stop.signal,
      onProgress: ({ doneBytes }: ImageProgress) => doneBytes > 99_000 && stop.abort(),
    }
    await expect(
      store.ensure('a', source, { ...leaving, onProgress: (p) => void leaving.onProgress(p) }),
    ).rejects.toMatchObject({ code: 'interrupted' })
    await store.close()
    from.state.behaviour = {}
    await store.ensure('a', source)
    expect(Number(from.ranges.at(-1)?.slice(6, -1))).toBeGreaterThan(99_000)
  })

  test('closing ends what runs, and lets go of the lock', async () => {
    const file = await makeDisk()
    const from = await mirror(file, { rate: 200_000 })
    const source = sourceFor([from.url], sha256(file))
    const store = makeStore({ lingerMs: 60_000 })
    const begun = Promise.withResolvers<void>()
    const waiting = store.ensure('a', source, { onProgress: () => begun.resolve() })
    waiting.catch(() => {})
    await begun.promise
    await store.close()
    await expect(waiting).rejects.toMatchObject({ code: 'interrupted' })
    from.state.behaviour = {}
    await makeStore().ensure('a', source)
  })

  test('two processes at once make one download', { timeout: 60_000 }, async () => {
    const file = await makeDisk()
    const from = await mirror(file, { rate: 2_000_000 })
    const script = new URL('./ensure-victim.ts', import.meta.url).pathname
    const one = () => run(process.execPath, [script, directory, from.url, sha256(file)])
    const [a, b] = await Promise.all([one(), one()])
    expect(a.stdout).toBe(b.stdout)
    expect(sha256(await readFile(a.stdout.trim()))).toBe(sha256(file))
    expect(from.ranges).toHaveLength(1)
  })

  test('a process killed with the lock in hand leaves it to the next, which goes on', {
    timeout: 60_000,
  }, async () => {
    const file = await makeDisk()
    const from = await mirror(file, { rate: 400_000 })
    const script = new URL('./ensure-victim.ts', import.meta.url).pathname
    const victim = spawn(process.execPath, [script, directory, from.url, sha256(file)], { stdio: 'ignore' })
    const gone = new Promise((resolve) => victim.once('close', resolve))
    const part = join(directory, 'fetched/x86_64/a/work', `disk-${sha256(file).slice(0, 16)}.part`)
    await expect
      .poll(
        () =>
          stat(part).then(
            ({ size }) => size,
            () => 0,
          ),
        { timeout: 20_000, interval: 20 },
      )
      .toBeGreaterThan(60_000)
    victim.kill('SIGKILL')
    await gone
    from.state.behaviour = {}
    const image = await makeStore().ensure('a', sourceFor([from.url], sha256(file)))
    expect(sha256(await readFile(image.diskPath))).toBe(sha256(file))
    expect(Number(from.ranges.at(-1)?.slice(6, -1))).toBeGreaterThan(60_000)
  })

  test('damaged at rest is set aside and downloaded again to the same path', async () => {
    const file = await makeDisk()
    const from = await mirror(file)
    const source = sourceFor([from.url], sha256(file))
    const store = makeStore()
    const { diskPath } = await store.ensure('a', source)
    const bytes = await readFile(diskPath)
    bytes[bytes.length - 1]! ^= 1
    await rm(diskPath)
    await writeFile(diskPath, bytes)
    expect((await store.ensure('a', source)).diskPath).toBe(diskPath)
    expect(sha256(await readFile(diskPath))).toBe(sha256(file))
    expect(from.ranges).toHaveLength(2)
    expect(
      (await readdir(join(directory, 'fetched/x86_64/a'))).some((name) => name.endsWith('.corrupt')),
    ).toBe(true)
  })

  test('a raw disk is converted, kernel and initrd lie beside it', async () => {
    const raw = someBytes(1 << 20)
    const [disk, kernel, initrd] = await Promise.all([
      mirror(raw),
      mirror(Buffer.from('kernel')),
      mirror(Buffer.from('initrd')),
    ])
    const pin = (url: string, bytes: Uint8Array) => ({ urls: [url], sha256: sha256(bytes) })
    const source: ImageSource = {
      arch: 'x86_64',
      disk: { format: 'raw', ...pin(disk.url, raw) },
      boot: {
        kind: 'kernel',
        kernel: pin(kernel.url, Buffer.from('kernel')),
        initrd: pin(initrd.url, Buffer.from('initrd')),
        cmdline: 'root=/dev/vda1 quiet',
      },
    }
    const image = await makeStore().ensure('odd', source)
    expect(image).toMatchObject({
      virtualSizeBytes: 1 << 20,
      boot: { kind: 'kernel', cmdline: 'root=/dev/vda1 quiet' },
    })
    if (image.boot.kind !== 'kernel') expect.fail('no kernel')
    expect(await readFile(image.boot.kernel, 'utf8')).toBe('kernel')
    await run('qemu-img', [
      'convert',
      '-f',
      'qcow2',
      '-O',
      'raw',
      image.diskPath,
      join(directory, 'back.raw'),
    ])
    expect(sha256(await readFile(join(directory, 'back.raw')))).toBe(sha256(raw))
  })
})

describe.skipIf(!tools)('an image that is an attack', () => {
  const refused = async (file: Uint8Array, why: RegExp) => {
    const from = await mirror(file)
    const store = makeStore()
    const error = { code: 'image-unsafe', message: expect.stringMatching(why) }
    await expect(store.ensure('evil', sourceFor([from.url], sha256(file)))).rejects.toMatchObject(error)
    // Vouched for by an operator who looked at its checksum only, it is refused as well.
    await expect(
      store.vouch('evil', sourceFor([from.url], null), {
        signal: new AbortController().signal,
        onProgress: () => {},
      }),
    ).rejects.toMatchObject(error)
    expect(await store.list()).toEqual([])
  }

  test('with a backing file would show the host’s files to the guest', async () => {
    const secret = join(directory, 'secret.raw')
    await writeFile(secret, someBytes(16 << 20))
    const file = await makeDisk('-b', secret, '-F', 'raw')
    // The attack is real: opened as it is, the disk holds the secret.
    await writeFile(join(directory, 'evil.qcow2'), file)
    const { stdout } = await run('qemu-img', ['info', join(directory, 'evil.qcow2')])
    expect(stdout).toContain(secret)
    await refused(file, /names the backing file/)
  })

  test('with a backing file in a header of version 2', async () => {
    const secret = join(directory, 'secret.raw')
    await writeFile(secret, someBytes(16 << 20))
    await refused(await makeDisk('-o', 'compat=0.10', '-b', secret, '-F', 'raw'), /names the backing file/)
  })

  test('with its data in another file', async () => {
    const data = join(directory, 'data.raw')
    await refused(await makeDisk('-o', `data_file=${data},data_file_raw=on`), /data in another file/)
  })

  test.each<[string, (file: Buffer) => void, RegExp]>([
    ['that is encrypted', (f) => f.writeUInt32BE(1, 32), /encrypted/],
    ['that is marked corrupt', (f) => f.writeBigUInt64BE(2n, 72), /not closed properly/],
    ['that uses what nobody knows', (f) => f.writeBigUInt64BE(1n << 40n, 72), /not known here/],
    ['with a header that hides its extensions', (f) => f.writeUInt32BE(1 << 20, 100), /not known here/],
    ['of an exabyte', (f) => f.writeBigUInt64BE(1n << 60n, 24), /no qcow2|bytes/],
    ['of nothing', (f) => f.writeBigUInt64BE(0n, 24), /disk of 0 bytes/],
    ['that is another format', (f) => f.write('KDMV', 0, 'latin1'), /no qcow2/],
    ['whose tables lie outside', (f) => f.writeBigUInt64BE(1n << 50n, 40), /cannot be read|not in order/],
  ])('%s is refused', async (_, change, why) => {
    const file = await makeDisk()
    change(file)
    await refused(file, why)
  })

  test('cut off within the header', async () => {
    await refused((await makeDisk()).subarray(0, 60), /no qcow2/)
  })
})

describe.skipIf(!tools)('vouching', () => {
  test('gives the checksum of what came, and the files serve without another download', async () => {
    const file = await makeDisk()
    const from = await mirror(file)
    const store = makeStore()
    const work = { signal: new AbortController().signal, onProgress: () => {} }
    const pinned = await store.vouch('a', sourceFor([from.url], null), work)
    expect(pinned).toEqual(sourceFor([from.url], sha256(file)))
    await store.ensure('a', pinned)
    expect(from.ranges).toHaveLength(1)
  })
})

describe.skipIf(!tools)('forgetting', () => {
  /** Three images, the first used longest ago. */
  async function three(nowMs: () => number) {
    const store = makeStore({ nowMs })
    const images = []
    for (const [i, id] of ['old', 'middle', 'young'].entries()) {
      const file = await makeDisk()
      const from = await mirror(file)
      const image = await store.ensure(id, sourceFor([from.url], sha256(file)))
      const usedS = 1_000_000 + i * 100
      await utimes(join(image.diskPath, '../manifest.json'), usedS, usedS)
      images.push(image)
    }
    return { store, images }
  }
  const ids = async (store: ReturnType<typeof makeStore>) => (await store.list()).map(({ id }) => id).sort()

  test('takes the longest unused first, and only as many as are needed', async () => {
    const { store } = await three(() => 2_000_000_000)
    expect(await store.collect(1)).toBeGreaterThan(1 << 20)
    expect(await ids(store)).toEqual(['middle', 'young'])
    expect(await store.collect(0)).toBe(0)
    await store.collect(Number.POSITIVE_INFINITY)
    expect(await ids(store)).toEqual([])
  })

  test('never takes one that a disk stands on, in use or in quarantine', async () => {
    const { store, images } = await three(() => 2_000_000_000)
    const disks = makeDiskStore(join(directory, 'disks'))
    await disks.createOverlay('0xa1', images[0]!, 1)
    await disks.createOverlay('0xa2', images[1]!, 1)
    await disks.quarantine('0xa2', 1_000)
    await store.collect(Number.POSITIVE_INFINITY)
    expect(await ids(store)).toEqual(['middle', 'old'])
    await disks.purge('0xa2', 1_000)
    await store.collect(Number.POSITIVE_INFINITY)
    expect(await ids(store)).toEqual(['old'])
  })

  test('takes nothing while one disk cannot be read: what it stands on is not known', async () => {
    const { store } = await three(() => 2_000_000_000)
    await mkdir(join(directory, 'disks'))
    await writeFile(join(directory, 'disks/a1.qcow2'), 'torn')
    await expect(store.collect(1)).rejects.toMatchObject({ code: 'refused' })
    await rm(join(directory, 'disks/a1.qcow2'))
    // What creating a disk left behind when it was killed is no disk.
    await writeFile(join(directory, 'disks/a2.qcow2.partial'), 'torn')
    expect(await store.collect(1)).toBeGreaterThan(0)
    expect(await ids(store)).toEqual(['middle', 'young'])
  })

  test('spares what a lease was given a moment ago', async () => {
    const { store, images } = await three(() => 1_000_200_500)
    await store.collect(Number.POSITIVE_INFINITY)
    expect(await ids(store)).toEqual(['young'])
    expect(existsSync(images[2]!.diskPath)).toBe(true)
  })

  test('makes room for a download that would not fit', async () => {
    const { store } = await three(() => 2_000_000_000)
    await store.close()
    const file = await makeDisk()
    const from = await mirror(file)
    // More than any disk has: everything that may go goes, and still it does not fit.
    const tight = makeStore({ nowMs: () => 2_000_000_000, keepFreeBytes: 2 ** 60 })
    await expect(tight.ensure('new', sourceFor([from.url], sha256(file)))).rejects.toMatchObject({
      code: 'no-space',
    })
    expect(await ids(tight)).toEqual([])
  })

  test('takes first what nobody finished and what was set aside', async () => {
    const { store } = await three(() => 2_000_000_000)
    const home = join(directory, 'fetched/x86_64/young')
    for (const [name, size] of [
      ['work', 3 << 20],
      ['0.corrupt', 2 << 20],
    ] as const) {
      await mkdir(join(home, name))
      await writeFile(join(home, name, 'disk-0.part'), someBytes(size))
      await utimes(join(home, name, 'disk-0.part'), 1_000, size / 10_000)
    }
    expect(await store.collect(1)).toBe(2 << 20)
    expect(await store.collect(1)).toBe(3 << 20)
    expect(await ids(store)).toEqual(['middle', 'old', 'young'])
    // A process that works on it holds the lock.
    await mkdir(join(home, 'work'))
    await writeFile(join(home, 'work', 'disk-0.part'), 'more')
    await utimes(join(home, 'work', 'disk-0.part'), 1_000, 1_000)
    const release = tryLock(join(home, 'lock'))
    await store.collect(Number.POSITIVE_INFINITY)
    expect(existsSync(join(home, 'work'))).toBe(true)
    expect(await ids(store)).toEqual(['young'])
    release?.()
  })

  test('a base of a removed image leaves nothing behind', async () => {
    const { store } = await three(() => 2_000_000_000)
    await store.collect(Number.POSITIVE_INFINITY)
    const left = await readdir(join(directory, 'fetched'), { recursive: true })
    expect(left.filter((name) => name.endsWith('.qcow2'))).toEqual([])
  })
})
