// `decloud-node images …` through its entry point.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { makeDiskStore } from '../../src/disk/disk-store.ts'
import { type Mirror, sha256, startMirror } from './mirror.ts'

const run = promisify(execFile)
const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const tools = existsSync('/usr/bin/qemu-img')
if (!tools) console.warn('SKIPPED: the image commands: qemu-img is not installed')

let directory = ''
let mirror: Mirror
let file: Buffer
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-images-cli-'))
  if (!tools) return
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(directory, 'source.qcow2'), '16M'])
  file = await readFile(join(directory, 'source.qcow2'))
  mirror = await startMirror(file)
  const source = {
    arch: 'x86_64',
    disk: { format: 'qcow2', urls: [mirror.url], sha256: null },
    boot: { kind: 'firmware', firmware: 'bios' },
  }
  const catalogue = { version: 1, images: [{ id: 'house', title: 'Our own', sources: [source] }] }
  await writeFile(join(directory, 'catalogue.json'), JSON.stringify(catalogue))
})
afterEach(async () => {
  await mirror?.close()
  await rm(directory, { recursive: true, force: true })
})

const images = async (...args: string[]) => {
  const env = { ...bareEnv(), DECLOUD_DATA_DIR: directory }
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [CLI, 'images', ...args], { env, timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), out, err }),
    )
  })
}
const json = async (...args: string[]) => {
  const { code, out, err } = await images(...args, '--json')
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out) as Record<string, unknown>
}
const stateOf = async (id: string) => {
  const rows = (await json('list', '--arch', 'x86_64'))['images'] as { id: string; state: string }[]
  return rows.find((row) => row.id === id)?.state
}
const x86 = ['--arch', 'x86_64']

describe.skipIf(!tools)('images', () => {
  test('what comes with the agent is listed for both architectures, and none of it is pinned', async () => {
    for (const arch of ['x86_64', 'aarch64']) {
      const rows = (await json('list', '--arch', arch))['images'] as { id: string; state: string }[]
      const names = ['debian-12', 'ubuntu-24.04', 'ubuntu-22.04', 'fedora-42', 'alpine-3.21']
      for (const id of names) expect(rows.find((row) => row.id === id)?.state).toBe('unpinned')
    }
  })

  test('an unpinned one is refused with the way out; pinned, it is fetched, used, and removed', async () => {
    const refused = await images('fetch', 'house', ...x86)
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('decloud-node images pin house')
    expect(refused.err).toContain('DECLOUD_IMAGE_CATALOGUE')
    expect(mirror.ranges).toEqual([])

    expect(await json('pin', 'house', ...x86)).toMatchObject({ id: 'house', sha256: sha256(file) })
    expect(await stateOf('house')).toBe('pinned')
    const kept = JSON.parse(await readFile(join(directory, 'catalogue.json'), 'utf8'))
    expect(kept.images[0].sources[0].disk).toEqual({
      format: 'qcow2',
      urls: [mirror.url],
      sha256: sha256(file),
    })

    const fetched = await json('fetch', 'house', ...x86)
    expect(sha256(await readFile(String(fetched['diskPath'])))).toBe(sha256(file))
    expect(mirror.ranges).toHaveLength(1)
    expect(await stateOf('house')).toBe('fetched')

    const disks = makeDiskStore(join(directory, 'disks'))
    const base = { ...fetched, boot: { kind: 'firmware', firmware: 'bios' } } as unknown
    await disks.createOverlay('0xa1', base as Parameters<typeof disks.createOverlay>[1], 1)
    const inUse = await images('remove', 'house', ...x86)
    expect(inUse).toMatchObject({ code: 1, err: expect.stringContaining('Disks stand on the image house') })
    await disks.quarantine('0xa1', 1)
    expect((await images('remove', 'house', ...x86)).code).toBe(1)
    await disks.purge('0xa1', 1)
    expect(await json('gc')).toEqual({ freedBytes: 0 }) // it was used a moment ago
    expect(Number((await json('remove', 'house', ...x86))['freedBytes'])).toBeGreaterThan(0)
    expect(await stateOf('house')).toBe('pinned')
  })

  test('a checksum that the vendor publishes must be the one', async () => {
    const other = await images('pin', 'house', ...x86, '--sha256', '0'.repeat(64))
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('nothing was pinned') })
    expect(await stateOf('house')).toBe('unpinned')
    await json('pin', 'house', ...x86, '--sha256', sha256(file).toUpperCase())
    expect(await stateOf('house')).toBe('pinned')
  })

  test('an image with a backing file cannot be pinned', async () => {
    const evil = join(directory, 'evil.qcow2')
    await run('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      '/etc/passwd',
      '-F',
      'raw',
      '-u',
      evil,
      '16M',
    ])
    mirror.state.file = await readFile(evil)
    const said = await images('pin', 'house', ...x86)
    expect(said).toMatchObject({
      code: 1,
      err: expect.stringContaining('names the backing file "/etc/passwd"'),
    })
    expect(await stateOf('house')).toBe('unpinned')
  })

  test('a catalogue that makes no sense is refused by name, plain HTTP to another machine among it', async () => {
    const text = await readFile(join(directory, 'catalogue.json'), 'utf8')
    await writeFile(join(directory, 'catalogue.json'), text.replace(mirror.url, 'http://mirror.example/x'))
    const said = await images('list')
    expect(said).toMatchObject({
      code: 1,
      err: expect.stringMatching(/catalogue\.json cannot be used[\s\S]*https/),
    })
  })

  test('usage is told', async () => {
    expect((await images('pin')).code).toBe(2)
    expect((await images('list', '--arch', 'sparc')).code).toBe(2)
    expect((await images('nonsense')).code).toBe(2)
  })
})
