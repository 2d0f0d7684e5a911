// discover, benchmark and probe as an operator gives them, before any chain is configured.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchmarkFactsSchema, machineFactsSchema, probeFactsSchema } from '@decloud/protocol/wire/facts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { measuredOf } from '../../src/measure.ts'
import { openFactsStore } from '../../src/state/node-facts-store.ts'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const hasSysbench = ['/usr/bin', '/usr/local/bin'].some((folder) => existsSync(join(folder, 'sysbench')))
if (!hasSysbench) console.warn('SKIPPED: a real benchmark: sysbench is not installed')

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'decloud-facts-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

type Ran = { code: number; stdout: string; stderr: string }
const run = (args: string[], change: Record<string, string> = {}) =>
  new Promise<Ran>((resolve) => {
    const env = {
      ...bareEnv(),
      DECLOUD_DATA_DIR: dataDir,
      DECLOUD_HYPERVISOR: 'simulated',
      ...change,
    }
    execFile(process.execPath, [CLI, ...args], { env, timeout: 150_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr }),
    )
  })
const measured = () => {
  const store = openFactsStore(dataDir)
  try {
    return measuredOf(store)
  } finally {
    store.close()
  }
}

describe('the command line', () => {
  it('knows of nothing that was not measured, and says which command measures it', () => {
    const { takenAt, probe, ...facts } = measured()
    expect({ takenAt, probe }).toEqual({ takenAt: null, probe: null })
    for (const fact of Object.values(facts))
      expect(fact).toEqual({ unknown: expect.stringMatching(/`decloud-node \w+`/) })
  })

  it('discovers, in JSON and for people, and keeps it for the registration', async () => {
    const { code, stdout, stderr } = await run(['discover', '--json'])
    expect(code, stderr).toBe(0)
    const { own, ...machine } = JSON.parse(stdout) as Record<string, unknown>
    expect(own).toHaveProperty('publicAddress.unknown')
    const { memoryMiB } = machineFactsSchema.parse(machine)
    expect(measured().memoryMiB).toEqual(memoryMiB)
    expect((await run(['discover'])).stdout).toMatch(/^processor .*\n.* cores, .*\n/)
  })

  it('finds its tools where they usually are, whatever the path of the user says', async () => {
    const { code, stdout, stderr } = await run(['discover', '--json'], { PATH: '/nonexistent' })
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toHaveProperty('cpu.threads.value')
  })

  it('probes a simulated machine and says that it is one', async () => {
    const { code, stdout, stderr } = await run(['probe', '--json'])
    expect(code, stderr).toBe(0)
    const found = probeFactsSchema.parse(JSON.parse(stdout))
    expect(found).toMatchObject({ outcome: 'simulated', imageSha256: null })
    expect(measured().probe).toEqual(found)
    expect(await readdir(dataDir)).not.toContain('probe')
  })

  it.each([
    [['benchmark', '--runs', '4']],
    [['benchmark', '--runs', 'many']],
    [['probe', '--deadline', '0']],
    [['discover', 'it']],
  ])('refuses %j as a usage that is wrong', async (args) => {
    expect((await run(args)).code).toBe(2)
  })

  it.skipIf(!hasSysbench)(
    'benchmarks, keeps it, and leaves no file behind',
    { timeout: 180_000 },
    async () => {
      const { code, stdout, stderr } = await run(['benchmark', '--json'])
      const found = benchmarkFactsSchema.parse(JSON.parse(stdout))
      // A machine may be too busy for it; then it says so, and fails.
      expect(code, stderr).toBe(found.steady ? 0 : 1)
      expect(found.eventsPerSecond).toBeGreaterThan(0)
      expect(measured().pointUnits).toEqual(found.pointUnits)
      expect(await readdir(dataDir)).not.toContain('benchmark.partial')
    },
  )
})
