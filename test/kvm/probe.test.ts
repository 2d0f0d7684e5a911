// `decloud-node probe` with a real guest: it boots and is gone again, also when the command is told to end or is killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ProbeFacts, probeFactsSchema } from '@decloud/protocol/wire/facts'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type ProbeNames, probeNames } from '../../agent/src/probe/names.ts'
import { buildImage } from '../../scripts/lib/images.ts'
import { type LibvirtUp, libvirtMissing, libvirtUp } from '../../scripts/lib/libvirt-up.ts'
import { bareEnv } from '../world/bare-env.ts'
import { domainsNamed, run } from './machine.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: a real probe guest: ${missing}`)

const CLI = new URL('../../agent/src/cli/main.ts', import.meta.url).pathname
const BOOT_MS = 240_000

let imageDir: string
let daemons: LibvirtUp | undefined
let dataDir: string
let names: ProbeNames
const children = new Set<ChildProcess>()

beforeAll(async () => {
  if (missing) return
  imageDir = await buildImage('tiny')
  daemons = await libvirtUp()
})
afterAll(() => daemons?.stop())
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'decloud-probe-'))
  // QEMU's user must reach the disk; mkdtemp leaves 0700.
  await chmod(dataDir, 0o711)
  names = probeNames(dataDir)
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await rm(dataDir, { recursive: true, force: true })
})

const start = (...args: string[]) => {
  const env = { ...bareEnv(), DECLOUD_DATA_DIR: dataDir, DECLOUD_IMAGE_DIR: imageDir }
  const child = spawn(process.execPath, [CLI, 'probe', '--json', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString('utf8')
  })
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString('utf8')
  })
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }))
  return { child, ended }
}
const probe = async (...args: string[]): Promise<{ found: ProbeFacts; stderr: string }> => {
  const { code, stdout, stderr } = await start(...args).ended
  expect(code, stderr).toBe(0)
  return { found: probeFactsSchema.parse(JSON.parse(stdout)), stderr }
}
const networks = async () =>
  (await run('virsh', ['-q', '-c', 'qemu:///system', 'net-list', '--all', '--name'])).stdout
const guests = () => domainsNamed(`decloud-${names.instance}-`)

const expectNothingLeft = async () => {
  expect(await guests()).toEqual([])
  expect(await networks()).not.toContain(names.network)
  expect(existsSync(names.folder)).toBe(false)
}
const withGuest = async (child: ChildProcess) => {
  await vi.waitFor(
    async () => {
      expect(child.exitCode).toBeNull()
      expect(await guests()).toHaveLength(1)
    },
    { timeout: 120_000, interval: 200 },
  )
}

test.skipIf(missing)(
  'a probe boots a real guest, says what ran it, and leaves nothing',
  async () => {
    const { found } = await probe()
    expect(found).toMatchObject({
      outcome: 'passed',
      acceleration: expect.stringMatching(/^(kvm|tcg)$/),
      image: 'tiny',
      imageSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(found.secondsToReady).toBeGreaterThan(0)
    expect(found.takenAt).toBeGreaterThan(Date.now() / 1_000 - 600)
    await expectNothingLeft()
  },
  BOOT_MS,
)

test.skipIf(missing)(
  'a guest that is not ready in time fails the probe, and leaves nothing',
  async () => {
    const { code, stdout } = await start('--deadline', '1').ended
    expect(code).toBe(1)
    expect(probeFactsSchema.parse(JSON.parse(stdout))).toMatchObject({
      outcome: 'failed',
      acceleration: null,
    })
    await expectNothingLeft()
  },
  BOOT_MS,
)

test.skipIf(missing)(
  'told to end while the guest boots, it takes it along',
  async () => {
    const { child, ended } = start()
    await withGuest(child)
    child.kill('SIGTERM')
    expect((await ended).code).not.toBe(0)
    await expectNothingLeft()
  },
  BOOT_MS,
)

test.skipIf(missing)(
  'killed while the guest boots, the next one removes what it left',
  async () => {
    const { child, ended } = start()
    await withGuest(child)
    child.kill('SIGKILL')
    await ended
    expect(await guests()).toHaveLength(1)
    expect(existsSync(names.folder)).toBe(true)
    const { found, stderr } = await probe()
    expect(stderr).toContain('removed 1 guest')
    expect(found.outcome).toBe('passed')
    await expectNothingLeft()
  },
  BOOT_MS,
)
