// A lease whose image is not on the node yet: what the tenant is shown, and that nothing is lost on the way.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hostArchitecture } from '../src/hypervisor/architecture.ts'
import { makeBuiltStore } from '../src/image/built-store.ts'
import { DOWNLOAD_LIMITS } from '../src/image/download.ts'
import { makeFetchedStore } from '../src/image/fetched-store.ts'
import { makeImageStore } from '../src/image/image-store.ts'
import type { Agent, VmRecord } from '../src/main.ts'
import { type Bench, MANIFEST, makeBench, until } from './helpers/node.ts'
import { sha256, someBytes, startMirror } from './image/mirror.ts'

const run = promisify(execFile)
const tools = existsSync('/usr/bin/qemu-img')
if (!tools) console.warn('SKIPPED: images of leases: qemu-img is not installed')

describe.skipIf(!tools)('the image of a lease', () => {
  let bench: Bench
  let directory: string
  beforeAll(async () => {
    bench = await makeBench()
    directory = await mkdtemp(join(tmpdir(), 'decloud-lease-images-'))
  })
  afterAll(async () => {
    await bench?.close()
    await rm(directory, { recursive: true, force: true })
  })

  const storeFor = (url: string, digest: string | null, arch = hostArchitecture()) => {
    const fetched = makeFetchedStore({
      folder: join(directory, 'fetched'),
      diskFolder: join(bench.config.dataDir, 'no-disks'),
      limits: { ...DOWNLOAD_LIMITS, keepFreeBytes: 0 },
      graceMs: 60_000,
      lingerMs: 5_000,
      nowMs: Date.now,
      random: Math.random,
    })
    const disk = { format: 'raw' as const, urls: [url], sha256: digest }
    const source = { arch, disk, boot: { kind: 'firmware' as const, firmware: 'uefi' as const } }
    const images = makeImageStore({
      built: makeBuiltStore(join(directory, 'none')),
      fetched,
      catalogue: async () => ({ version: 1, images: [{ id: 'house', title: 'Ours', sources: [source] }] }),
      operatorFile: join(directory, 'catalogue.json'),
      arch: hostArchitecture(),
      guestArchs: [hostArchitecture()],
    })
    return { images, fetched }
  }
  const open = () => bench.open({ manifest: { ...MANIFEST, image: 'house' } })

  it('is downloaded while the tenant sees how far it is, across a restart of the agent, and then runs', async () => {
    const file = someBytes(4 << 20)
    const mirror = await startMirror(file, { rate: 1 << 20 })
    try {
      const first = storeFor(mirror.url, sha256(file))
      let agent: Agent = await bench.start({ images: first.images })
      const leaseId = await open()
      const fetching = (vm: VmRecord) =>
        vm.reason?.code === 'image-fetching' && vm.reason.message.includes('%')
      const shown = await until(agent, leaseId, fetching)
      expect(shown).toMatchObject({ status: 'Provisioning', phase: 'PreparingDisk' })
      expect(shown.reason?.message).toMatch(/^Downloading the image house: \d+ of 4 MiB \(\d+ %\)\.$/)
      await agent.close()
      await first.fetched.close()

      const second = storeFor(mirror.url, sha256(file))
      agent = await bench.start({ images: second.images })
      const running = await until(agent, leaseId, ({ status }) => status === 'Running')
      expect(running.reason).toBeNull()
      expect(mirror.ranges.length).toBeGreaterThan(1)
      expect(Number(mirror.ranges.at(-1)?.slice(6, -1))).toBeGreaterThan(0)
      const { diskPath } = await second.images.ensure('house')
      await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', diskPath, join(directory, 'back.raw')])
      expect(sha256(await readFile(join(directory, 'back.raw')))).toBe(sha256(file))
      await agent.close()
    } finally {
      await mirror.close()
    }
  })

  it('that nobody vouched for is not downloaded, and the tenant is told so', async () => {
    const agent = await bench.start({ images: storeFor('http://127.0.0.1:1/disk', null).images })
    const leaseId = await open()
    const vm = await until(agent, leaseId, ({ reason }) => reason?.code === 'image-unpinned')
    expect(vm).toMatchObject({ refused: false, reason: { message: expect.stringContaining('not pinned') } })
    await agent.close()
  })

  it('for another architecture is refused for good', async () => {
    const other = hostArchitecture() === 'x86_64' ? 'aarch64' : 'x86_64'
    const agent = await bench.start({
      images: storeFor('http://127.0.0.1:1/disk', '0'.repeat(64), other).images,
    })
    const leaseId = await open()
    const vm = await until(agent, leaseId, ({ refused }) => refused)
    expect(vm.reason?.code).toBe('image-foreign')
    await agent.close()
  })
})
