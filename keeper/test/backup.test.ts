import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import Sqlite from 'better-sqlite3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AGENT, KEEPER, type Local, startLocal, TENANT } from '../../chain/test/local.ts'
import { backupStore, restoreStore } from '../src/adapters/store/backup.ts'
import type { Keeper } from '../src/index.ts'
import { type Harness, makeHarness, until } from './harness.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keeper-backup-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const numbersIn = (file: string): number[] => {
  const db = new Sqlite(file, { readonly: true })
  try {
    return db.prepare('SELECT n FROM load ORDER BY n').pluck().all() as number[]
  } finally {
    db.close()
  }
}

describe('a copy', () => {
  it('is whole, of one moment, private and without leftovers while another process writes', async () => {
    const source = join(folder, 'local.sqlite')
    const chain = import.meta.resolve('@decloud/chain')
    const script = `import { openDatabase } from '${chain}'
const db = openDatabase(process.argv[1])
db.exec('CREATE TABLE load (n INTEGER PRIMARY KEY, filler TEXT)')
const put = db.prepare('INSERT INTO load VALUES (?, ?)')
let n = 0
const go = () => { for (let i = 0; i < 20; i++) db.transaction(() => { put.run(++n, 'x'.repeat(500)); put.run(++n, 'y') })()
  if (n === 200) console.log('writing'); setImmediate(go) }
go()`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'close')
    try {
      await once(child.stdout, 'data')
      for (let i = 0; i < 3; i++) {
        const file = join(folder, `copy-${i}.sqlite`)
        const report = await backupStore(source, file)
        expect(report.bytes).toBe(statSync(file).size)
        expect(statSync(file).mode & 0o777).toBe(0o600)
        const numbers = numbersIn(file)
        // Pairs are written together, in order: a prefix of even length, or it is no moment of the source.
        expect(numbers.length).toBeGreaterThanOrEqual(200)
        expect(numbers.length % 2).toBe(0)
        expect(numbers.at(-1)).toBe(numbers.length)
      }
    } finally {
      child.kill('SIGKILL')
      await ended
    }
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([])
  })

  it('does not replace what is there when it fails, and says why', async () => {
    const file = join(folder, 'kept')
    writeFileSync(file, 'before')
    await expect(backupStore(join(folder, 'none.sqlite'), file)).rejects.toMatchObject({
      code: 'backup-failed',
    })
    expect(statSync(file).size).toBe(6)
    expect(readdirSync(folder)).toEqual(['kept'])
  })

  it('is put back beside the former one; a damaged one is refused and changes nothing', () => {
    const target = join(folder, 'local.sqlite')
    const make = (path: string, n: number) => {
      const db = openDatabase(path)
      db.exec(`CREATE TABLE load (n INTEGER PRIMARY KEY); INSERT INTO load VALUES (${n})`)
      db.close()
    }
    make(target, 1)
    make(join(folder, 'copy'), 2)
    writeFileSync(join(folder, 'damaged'), 'SQLite format 3\0 and then nothing that makes sense')
    expect(() => restoreStore(join(folder, 'damaged'), target, 0)).toThrow(/cannot be put|damaged/)
    expect(numbersIn(target)).toEqual([1])
    const former = restoreStore(join(folder, 'copy'), target, 0)!
    expect(numbersIn(target)).toEqual([2])
    expect(numbersIn(former)).toEqual([1])
    expect(existsSync(`${target}.part`)).toBe(false)
  })
})

describe('a keeper on a restored copy', () => {
  let local: Local
  let harness: Harness
  beforeAll(async () => {
    local = await startLocal()
    harness = await makeHarness(local)
  })
  afterAll(async () => {
    await harness?.close()
    await local?.stop()
  })

  it('is refused over a running one, and goes on with the nonces of the chain', async () => {
    const node = await local.register()
    await local.fund(TENANT, 50_000_000n)
    const open = async () => {
      const lease = await local.open(TENANT, node)
      await local.escrow(AGENT, 'activate', [lease, `0x${'0'.repeat(64)}`])
    }
    await open()
    const dataDir = harness.freshFolder()
    const config = { ...harness.raw({ dataDir }) }
    const first = await harness.boot({ dataDir })
    const settles = async (keeper: Keeper) => {
      const { address } = local.anvil.account(KEEPER)
      const before = await local.anvil.client.getTransactionCount({ address })
      await local.anvil.moveTime(7_200)
      await until(async () => (await keeper.upkeep())?.done === 1, 'a settlement')
      expect(await local.anvil.client.getTransactionCount({ address })).toBe(before + 1)
    }
    await settles(first)
    const copy = join(folder, 'copy.sqlite')
    const backup = await harness.spawnVerb(['backup', '--to', copy, '--json'], config)
    expect(backup).toMatchObject({ code: 0 })
    // After the copy: a transaction that it knows nothing of.
    await settles(first)
    const refused = await harness.spawnVerb(['restore', '--from', copy], config)
    expect(refused).toMatchObject({ code: 2 })
    expect(refused.output).toContain('Another keeper')
    await first.close()
    expect(await harness.spawnVerb(['restore', '--from', copy], config)).toMatchObject({ code: 0 })
    const second = await harness.boot({ dataDir })
    await settles(second)
    expect((await second.audit('all')).differences).toEqual([])
  })
})
