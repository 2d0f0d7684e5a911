// Downloads from mirrors that cut, lie, drip, change their minds and run out.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DOWNLOAD_LIMITS, type Download, type DownloadLimits, download } from '../../src/image/download.ts'
import { type Behaviour, type Mirror, sha256, someBytes, startMirror } from './mirror.ts'

const run = promisify(execFile)
const LIMITS: DownloadLimits = {
  ...DOWNLOAD_LIMITS,
  stallBytes: 1_000,
  stallMs: 400,
  backoff: { baseMs: 1, capMs: 4 },
  keepFreeBytes: 0,
}
const SIZE = 300_000

let directory = ''
const mirrors: Mirror[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-download-'))
})
afterEach(async () => {
  for (const one of mirrors.splice(0)) await one.close()
  await rm(directory, { recursive: true, force: true })
})

const mirror = async (file: Uint8Array, behaviour: Behaviour = {}) => {
  const started = await startMirror(file, behaviour)
  mirrors.push(started)
  return started
}

const fetchFrom = (
  from: readonly (Pick<Mirror, 'url'> & Partial<Mirror>)[],
  pinned: string | null,
  change: Partial<Omit<Download, 'limits'>> & { limits?: Partial<DownloadLimits> } = {},
) =>
  download({
    urls: from.map(({ url }) => url),
    sha256: pinned,
    path: join(directory, 'disk'),
    signal: new AbortController().signal,
    makeRoom: async () => {},
    random: Math.random,
    ...change,
    onProgress: (done, total) => {
      for (const one of from) if (one.state) one.state.seen = done
      change.onProgress?.(done, total)
    },
    limits: { ...LIMITS, ...change.limits },
  })

const expectWhole = async (file: Uint8Array) => {
  expect(sha256(await readFile(join(directory, 'disk')))).toBe(sha256(file))
  expect((await readdir(directory)).filter((name) => !name.endsWith('.corrupt'))).toEqual(['disk'])
}

describe('a whole file', () => {
  test('is downloaded in one piece, with its progress', async () => {
    const file = someBytes(SIZE)
    const seen: [number, number | null][] = []
    const onProgress = (done: number, total: number | null) => seen.push([done, total])
    expect(await fetchFrom([await mirror(file)], sha256(file), { onProgress })).toBe(sha256(file))
    await expectWhole(file)
    expect(seen[0]).toEqual([0, SIZE])
    expect(seen.at(-1)).toEqual([SIZE, SIZE])
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b))
  })

  test('comes without an announced length', async () => {
    const file = someBytes(SIZE)
    await fetchFrom([await mirror(file, { chunked: true })], sha256(file))
    await expectWhole(file)
  })

  test('without a checksum is taken as it comes, and its checksum told', async () => {
    const file = someBytes(SIZE)
    expect(await fetchFrom([await mirror(file, { cutAfter: (n) => (n === 0 ? 90_000 : null) })], null)).toBe(
      sha256(file),
    )
    await expectWhole(file)
  })
})

describe('a connection that is cut', () => {
  test('at any offsets, is resumed where it broke', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: SIZE }), { maxLength: 6 }), async (cuts) => {
        const file = someBytes(SIZE)
        const from = await startMirror(file, { cutAfter: (n) => cuts[n] ?? null })
        try {
          // More tries than cuts: cuts near the beginning are no progress.
          await fetchFrom([from], sha256(file), { limits: { triesPerMirror: 8 } })
          await expectWhole(file)
          let at = 0
          for (const range of from.ranges) {
            const start = range === null ? 0 : Number(/^bytes=(\d+)-$/.exec(range)?.[1])
            expect(start).toBeGreaterThanOrEqual(at)
            at = start
          }
        } finally {
          await from.close()
          await rm(join(directory, 'disk'), { force: true })
        }
      }),
      { numRuns: 25 },
    )
  })

  test('with a server that ignores ranges, begins again and still comes to its end', async () => {
    const file = someBytes(SIZE)
    const from = await mirror(file, { ignoreRange: true, cutAfter: (n) => (n < 2 ? 50_000 * (n + 1) : null) })
    await fetchFrom([from], sha256(file))
    await expectWhole(file)
    expect(from.ranges).toHaveLength(3)
  })

  test('and a file replaced meanwhile never become one file', async () => {
    const [before, after] = [someBytes(SIZE), someBytes(SIZE)]
    const cutAfter = (n: number) => (n === 0 ? 100_000 : null)
    const from = await mirror(before, { bytes: (n) => (n === 0 ? before : after), cutAfter })
    await fetchFrom([from], sha256(after))
    await expectWhole(after)
  })

  test('and a server that sends the new file under the old range: noticed by its ETag', async () => {
    const [before, after] = [someBytes(SIZE), someBytes(SIZE)]
    const from = await mirror(before, {
      bytes: (n) => (n === 0 ? before : after),
      ignoreIfRange: true,
      cutAfter: (n) => (n === 0 ? 100_000 : null),
    })
    // Without a checksum nothing else could notice.
    expect(await fetchFrom([from], null)).toBe(sha256(after))
    await expectWhole(after)
    expect(from.ranges).toEqual([null, 'bytes=100000-', null])
  })

  test('over and over without progress gives the mirror up', async () => {
    const file = someBytes(SIZE)
    const from = await mirror(file, { cutAfter: () => 10 })
    await expect(fetchFrom([from], sha256(file))).rejects.toMatchObject({ code: 'image-unreachable' })
    expect(from.ranges).toHaveLength(LIMITS.triesPerMirror)
    // What came is kept for another day.
    expect((await stat(join(directory, 'disk.part'))).size).toBe(10 * LIMITS.triesPerMirror)
  })
})

describe('several mirrors', () => {
  test('are asked in order; what one began another ends', async () => {
    const file = someBytes(SIZE)
    const first = await mirror(file, { cutAfter: (n) => (n === 0 ? 123_456 : 0) })
    const second = await mirror(file)
    await fetchFrom([first, second], sha256(file))
    await expectWhole(file)
    expect(second.ranges).toEqual(['bytes=123456-'])
  })

  test.each<[string, Behaviour]>([
    ['is not found', { status: () => 404 }],
    ['is broken', { status: () => 503 }],
    ['redirects to another scheme', { redirect: () => 'https://127.0.0.1:1/disk.img' }],
    ['redirects to a file of this machine', { redirect: () => 'file:///etc/passwd' }],
    ['redirects without end', { redirect: () => '/disk.img' }],
    ['sends it compressed', { encoding: 'gzip' }],
    ['announces more than any image has', { length: 10 ** 12 }],
    ['drips', { rate: 200 }],
  ])('one that %s is passed over', async (_, behaviour) => {
    const file = someBytes(SIZE)
    const bad = await mirror(file, behaviour)
    await fetchFrom([bad, await mirror(file)], sha256(file))
    await expectWhole(file)
    expect(bad.ranges.length).toBeGreaterThan(0)
  })

  test('all of which fail are each named with their reason', async () => {
    const file = someBytes(SIZE)
    const from = [await mirror(file, { status: () => 404 }), await mirror(file, { rate: 100 })]
    const reasons = /status 404.*is too slow/
    await expect(fetchFrom(from, sha256(file))).rejects.toMatchObject({
      code: 'image-unreachable',
      message: expect.stringMatching(reasons),
    })
  })

  test('a redirect to another scheme is not even dialled', async () => {
    const file = someBytes(SIZE)
    let dialled = 0
    const tls = createServer((socket) => {
      dialled += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = tls.address() as AddressInfo
      const from = await mirror(file, { redirect: () => `https://127.0.0.1:${port}/disk.img` })
      await expect(fetchFrom([from], sha256(file))).rejects.toMatchObject({
        code: 'image-unreachable',
        message: expect.stringMatching(/from http: to https:, which is refused/),
      })
      expect([dialled, from.ranges.length]).toEqual([0, 1])
    } finally {
      await new Promise((resolve) => tls.close(resolve))
    }
  })

  test('a redirect within the scheme is followed, and its target resumed', async () => {
    const file = someBytes(SIZE)
    const target = await mirror(file, { cutAfter: (n) => (n === 0 ? 70_000 : null) })
    const door = await mirror(file, { redirect: () => target.url })
    const onProgress = (done: number) => {
      target.state.seen = done
    }
    await fetchFrom([door], sha256(file), { onProgress })
    await expectWhole(file)
    expect(target.ranges).toEqual([null, 'bytes=70000-'])
  })
})

describe('a corrupt file', () => {
  test('is set aside and downloaded again, once from each mirror', async () => {
    const file = someBytes(SIZE)
    const flipped = Buffer.from(file)
    flipped[SIZE >> 1]! ^= 1
    const bad = await mirror(flipped)
    const good = await mirror(file)
    await fetchFrom([bad, good], sha256(file))
    await expectWhole(file)
    expect(sha256(await readFile(join(directory, 'disk.corrupt')))).toBe(sha256(flipped))
    expect([bad.ranges.length, good.ranges.length]).toEqual([1, 1])
  })

  test('from every mirror is refused, with what to do', async () => {
    const file = someBytes(SIZE)
    const bad = [await mirror(someBytes(SIZE)), await mirror(someBytes(SIZE))]
    await expect(fetchFrom(bad, sha256(file))).rejects.toMatchObject({
      code: 'image-corrupt',
      message: expect.stringContaining('pin the image again'),
    })
    expect(bad.map(({ ranges }) => ranges.length)).toEqual([1, 1])
    expect(existsSync(join(directory, 'disk'))).toBe(false)
  })

  test('stitched from a bad mirror and a good one is fetched whole from the good one', async () => {
    const file = someBytes(SIZE)
    const bad = await mirror(someBytes(SIZE), { cutAfter: (n) => (n === 0 ? 100_000 : 0) })
    const good = await mirror(file)
    await fetchFrom([bad, good], sha256(file))
    await expectWhole(file)
    expect(good.ranges).toEqual(['bytes=100000-', null])
  })

  test('once stitched, is never stitched again', async () => {
    const file = someBytes(SIZE)
    const bad = await mirror(someBytes(SIZE), { cutAfter: (n) => [100_000, 0][n] ?? null })
    const good = await mirror(file, { cutAfter: (n) => (n === 1 ? 500 : null) })
    await fetchFrom([bad, good], sha256(file))
    await expectWhole(file)
    expect(bad.ranges).toEqual([null, 'bytes=100000-', null])
    expect(good.ranges).toEqual(['bytes=100000-', null, null])
  })

  test.each<[string, Behaviour]>([
    ['shorter', { length: SIZE + 5 }],
    ['of another length', { bytes: () => someBytes(SIZE - 7) }],
  ])('%s than it should be is not taken', async (_, behaviour) => {
    const file = someBytes(SIZE)
    await expect(fetchFrom([await mirror(file, behaviour)], sha256(file))).rejects.toMatchObject({
      code: expect.stringMatching(/^image-(unreachable|corrupt)$/),
    })
    expect(existsSync(join(directory, 'disk'))).toBe(false)
  })

  test('that grows beyond its limit is cut off there', async () => {
    const file = someBytes(SIZE)
    const from = await mirror(file, { chunked: true })
    await expect(fetchFrom([from], sha256(file), { limits: { maxBytes: 100_000 } })).rejects.toMatchObject({
      code: 'image-unreachable',
      message: expect.stringContaining('more bytes'),
    })
    const left = (await readdir(directory)).filter((name) => name === 'disk.part')
    for (const name of left) expect((await stat(join(directory, name))).size).toBeLessThanOrEqual(100_000)
  })
})

describe('room', () => {
  test('is asked for before the download, and its lack named before a byte is written', async () => {
    const file = someBytes(SIZE)
    const asked: number[] = []
    const makeRoom = async (bytes: number) => void asked.push(bytes)
    await expect(
      fetchFrom([await mirror(file)], sha256(file), { limits: { keepFreeBytes: 2 ** 60 }, makeRoom }),
    ).rejects.toMatchObject({ code: 'no-space' })
    expect(asked).toHaveLength(1)
    expect(await readdir(directory)).toEqual([])
  })

  test.skipIf(process.getuid?.() !== 0)('that ends in the middle gives back what was taken', async () => {
    const small = join(directory, 'small')
    await run('mkdir', [small])
    await run('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', small])
    try {
      const file = someBytes(SIZE)
      // Without a length nothing can be known before.
      const from = await mirror(file, { chunked: true })
      await expect(fetchFrom([from], sha256(file), { path: join(small, 'disk') })).rejects.toMatchObject({
        code: 'no-space',
      })
      expect(await readdir(small)).toEqual([])
    } finally {
      await run('umount', [small])
    }
  })
})

describe('an end in the middle', () => {
  test('by the caller keeps what is there for the next time', async () => {
    const file = someBytes(SIZE)
    const from = await mirror(file, { rate: 200_000 })
    const stop = new AbortController()
    const onProgress = (done: number) => done > 50_000 && stop.abort()
    await expect(fetchFrom([from], sha256(file), { signal: stop.signal, onProgress })).rejects.toMatchObject({
      code: 'interrupted',
    })
    from.state.behaviour = {}
    await fetchFrom([from], sha256(file))
    await expectWhole(file)
    expect(Number(from.ranges.at(-1)?.slice(6, -1))).toBeGreaterThan(50_000)
  })

  test('by kill -9, again and again, ends in the same file', { timeout: 60_000 }, async () => {
    const file = someBytes(SIZE)
    const from = await mirror(file, { rate: 400_000 })
    const child = () => {
      const args = [
        new URL('./download-victim.ts', import.meta.url).pathname,
        from.url,
        sha256(file),
        join(directory, 'disk'),
      ]
      return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    }
    let furthest = 0
    for (let round = 0; round < 3; round++) {
      const victim = child()
      const gone = new Promise((resolve) => victim.once('close', resolve))
      for await (const line of victim.stdout.setEncoding('utf8')) {
        // Killed once it got 40 kB further than any before.
        if (Number(String(line).trim().split('\n').at(-1)) > furthest + 40_000) break
      }
      victim.kill('SIGKILL')
      await gone
      furthest = (await stat(join(directory, 'disk.part'))).size
      expect(furthest).toBeGreaterThan(40_000 * (round + 1))
    }
    from.state.behaviour = {}
    await fetchFrom([from], sha256(file))
    await expectWhole(file)
    expect(from.ranges.at(-1)).toBe(`bytes=${furthest}-`)
  })

  test('notes torn by a power cut are no notes: nothing is built upon', async () => {
    const file = someBytes(SIZE)
    await writeFile(join(directory, 'disk.part'), 'whatever')
    await writeFile(join(directory, 'disk.part.json'), '{"urls":["htt')
    await fetchFrom([await mirror(file)], sha256(file))
    await expectWhole(file)
  })
})
