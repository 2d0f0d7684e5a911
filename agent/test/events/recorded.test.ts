// The events of one node's life, as its operator finds them, from a real agent on a real chain.
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { closeLease } from '../../../scripts/lib/tenant.ts'
import { recordStates } from '../../src/events/watch-states.ts'
import { makeSimulatedImageStore } from '../../src/lib/simulated-storage.ts'
import { StorageError } from '../../src/ports/storage.ts'
import { type Bench, makeBench, until } from '../helpers/node.ts'

type Row = { kind: string; leaseId: string | null; message: string; details: string }

describe('what is recorded', { timeout: 120_000 }, () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeBench()
  }, 60_000)
  afterAll(() => bench?.close())

  const rows = (): Row[] => {
    const db = new Sqlite(join(bench.config.dataDir, 'events.db'), { readonly: true })
    try {
      return db.prepare('SELECT kind, leaseId, message, details FROM events ORDER BY id').all() as Row[]
    } finally {
      db.close()
    }
  }
  const kindsOf = (leaseId: string) => rows().flatMap((row) => (row.leaseId === leaseId ? [row.kind] : []))
  const seen = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 100 })

  it('tells a lease from its first sight to the disk that is set aside, a crash and its outage between', async () => {
    const agent = await bench.start()
    const leaseId = await bench.open()
    await until(agent, leaseId, (vm) => vm.status === 'Running')
    bench.machine.crash(bench.instance, leaseId)
    await until(agent, leaseId, (vm) => vm.status !== 'Running')
    await until(agent, leaseId, (vm) => vm.status === 'Running' && vm.facts !== null)
    await seen(() => expect(kindsOf(leaseId)).toContain('outage.ended'))
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, (vm) => vm.status === 'Deleting')
    await seen(() => expect(kindsOf(leaseId)).toContain('disk.quarantined'))
    const kinds = kindsOf(leaseId)
    const wanted = [
      ...['lease.seen', 'vm.admitted', 'vm.state', 'guest.started', 'guest.ready', 'lease.activated'],
      ...[
        'guest.stopped',
        'outage.begun',
        'guest.restarted',
        'outage.ended',
        'lease.ended',
        'disk.quarantined',
      ],
    ]
    for (const kind of wanted) expect(kinds, kind).toContain(kind)
    expect(kinds.filter((kind) => kind === 'lease.seen')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'outage.begun')).toHaveLength(1)
    const activation = rows().find(
      (row) => row.kind === 'transaction.mined' && row.message.includes('activate'),
    )
    expect(activation).toMatchObject({ leaseId })
    expect(JSON.parse(activation!.details)).toMatchObject({
      kind: 'activate',
      hash: expect.stringMatching(/^0x/),
    })
    await seen(() => expect(rows().map(({ kind }) => kind)).toContain('feed.live'))
    await agent.close()
    expect(rows().map(({ kind }) => kind)).toEqual(expect.arrayContaining(['agent.started', 'agent.stopped']))
  })

  it('tells once of what is tried again and again, and nothing twice after a restart', async () => {
    const broken = { ...makeSimulatedImageStore() }
    const images = {
      ...broken,
      ensure: async () => {
        throw new StorageError('image-corrupt', 'The image debian-12 is corrupt.')
      },
    }
    const agent = await bench.start({ images })
    const leaseId = await bench.open()
    await until(agent, leaseId, (vm) => vm.attempts >= 3)
    await agent.close()
    const corrupt = rows().filter(({ kind }) => kind === 'image.corrupt')
    expect(corrupt).toHaveLength(1)
    expect(kindsOf(leaseId)).toContain('vm.trouble')
    const again = await bench.start()
    await until(again, leaseId, (vm) => vm.status === 'Running')
    expect(kindsOf(leaseId).filter((kind) => kind === 'lease.seen')).toHaveLength(1)
  })

  it('tells each change of a condition once, and nothing of what is as usual', async () => {
    const heard: string[] = []
    let state = 'live'
    const read = () => ({ state, message: `it is ${state}` })
    const events = { record: ({ kind }: { kind: string }) => void heard.push(kind) }
    const end = recordStates(
      { feed: { usual: 'live', read }, none: { usual: 'x', read: () => null } },
      events,
      {
        everyMs: 1,
      },
    )
    state = 'stale'
    await seen(() => expect(heard).toEqual(['feed.stale']))
    state = 'live'
    await seen(() => expect(heard).toEqual(['feed.stale', 'feed.live']))
    end()
  })
})
