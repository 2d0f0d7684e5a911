import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEventLog, RING_LIMITS } from '../../src/events/event-log.ts'

const LEASE = `0x${'ab'.repeat(32)}` as const

describe('the event log', () => {
  let folder: string
  let path: string
  const errors: unknown[] = []
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decloud-events-'))
    path = join(folder, 'events.db')
    errors.length = 0
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const open = (limits = RING_LIMITS, scrub?: (text: string) => string) =>
    openEventLog({
      ...{ path, nowMs: () => 7_000, limits, onError: (error) => errors.push(error) },
      ...(scrub === undefined ? {} : { scrub }),
    })
  const rows = () => {
    const db = new Sqlite(path, { readonly: true })
    try {
      return db.prepare('SELECT * FROM events ORDER BY id').all() as Record<string, unknown>[]
    } finally {
      db.close()
    }
  }

  it('keeps what was recorded over a restart, and readable while it is written', () => {
    const first = open()
    first.record({ kind: 'vm.state', leaseId: LEASE, message: 'on', details: { wei: 3n } })
    expect(rows()).toMatchObject([{ kind: 'vm.state', leaseId: LEASE, atMs: 7_000, details: '{"wei":"3"}' }])
    first.close()
    const second = open()
    second.record({ kind: 'vm.state', message: 'off', by: '0xme' })
    second.close()
    expect(rows()).toMatchObject([{ message: 'on' }, { message: 'off', leaseId: null, byWhom: '0xme' }])
    expect(errors).toEqual([])
  })

  it('is bounded in rows and in bytes, and drops the oldest', () => {
    const log = open({ rows: 50, bytes: 20_000, rings: 4 })
    for (let i = 0; i < 500; i++) log.record({ kind: 'vm.state', message: `m${i}` })
    const kept = rows()
    expect(kept.length).toBeLessThanOrEqual(50)
    expect(kept.length).toBeGreaterThanOrEqual(45)
    expect(kept.at(-1)).toMatchObject({ message: 'm499' })
    for (let i = 0; i < 100; i++) log.record({ kind: 'vm.state', message: 'x'.repeat(900) })
    const bytes = rows().reduce((sum, { bytes }) => sum + Number(bytes), 0)
    expect(bytes).toBeLessThanOrEqual(20_000)
    expect(rows().length).toBeLessThan(25)
    log.close()
  })

  it('lets a flood of one group push out nothing of another, whatever groups are made up', () => {
    const log = open({ rows: 20, bytes: 100_000, rings: 3 })
    log.record({ kind: 'guest.restarted', message: 'kept' })
    for (let i = 0; i < 200; i++) log.record({ kind: 'access.refused', message: 'a stranger' })
    for (let i = 0; i < 200; i++) log.record({ kind: `made${i}.up`, message: 'y' })
    const kept = rows()
    expect(kept[0]).toMatchObject({ message: 'kept' })
    expect(kept.length).toBeLessThanOrEqual(41)
    log.close()
  })

  it('blanks what is named like a secret, and cuts out what is known to be one', () => {
    const log = open(RING_LIMITS, (text) => text.replaceAll('hunter2', '[secret]'))
    const details = { password: 'p1', deep: { sessionToken: 'p2', list: [{ privateKey: 'p3' }] }, fine: 'ok' }
    log.record({ kind: 'access.refused', message: 'said hunter2', details: { ...details, note: 'hunter2' } })
    log.close()
    const text = JSON.stringify(rows())
    for (const secret of ['p1', 'p2', 'p3', 'hunter2']) expect(text).not.toContain(secret)
    expect(text).toContain('ok')
  })

  it('holds neither endless messages nor endless details', () => {
    const log = open()
    log.record({ kind: 'k'.repeat(1_000), message: 'm'.repeat(1e5), details: { big: 'd'.repeat(1e5) } })
    log.close()
    expect(JSON.stringify(rows()).length).toBeLessThan(2_000)
    expect(rows()[0]?.['details']).toMatch(/^{"tooLong":\d+}$/)
  })

  it('never throws at whoever records: it tells instead', () => {
    const log = open()
    log.close()
    expect(() => log.record({ kind: 'vm.state', message: 'after the end' })).not.toThrow()
    expect(errors).toHaveLength(1)
  })

  it('sets a damaged file aside and goes on with a new one', async () => {
    await writeFile(path, 'this is no database at all, and long enough to be looked at as one'.repeat(50))
    const log = open()
    log.record({ kind: 'vm.state', message: 'new' })
    log.close()
    expect(rows()).toMatchObject([{ message: 'new' }])
    expect(await readdir(folder)).toContain('events.db.damaged')
    expect(errors).toHaveLength(1)
  })
})
