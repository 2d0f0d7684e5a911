// What becomes of a credit that was begun, for each word that the journal may have on it.
import { openDatabase, RevertError } from '@decloud/chain'
import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterEach, describe, expect, it } from 'vitest'
import { makeCredits } from '../../src/duties/credit.ts'
import type { DutyDeps } from '../../src/duties/deps.ts'
import type { Call, Sent } from '../../src/duties/ports.ts'
import { makeDutyStatus } from '../../src/duties/status.ts'
import { makeCreditBook } from '../../src/state/credit-book.ts'
import { makeOutageStore } from '../../src/state/outage-store.ts'
import { makeVmStore } from '../../src/state/vm-store.ts'

const LEASE: Hex = `0x${'ab'.repeat(32)}`
const AGENT = '0x00000000000000000000000000000000000000a1'
const NOW = 10_000_000
const databases: ReturnType<typeof openDatabase>[] = []
afterEach(() => {
  for (const db of databases.splice(0)) db.close()
})

const refused = (errorName: string) =>
  new RevertError('simulation-reverted', 'credit', { errorName, args: [] })

/** A node with one outage of 90 s, and a journal that says of everything what it is told to say. */
const setUp = (
  options: { word?: Sent; fails?: () => Error; operator?: Hex; lease?: Partial<LeaseView> } = {},
) => {
  const db = openDatabase(':memory:')
  databases.push(db)
  makeVmStore(db)
  const outages = makeOutageStore(db)
  outages.begin(LEASE, NOW - 200_000, 'crashed')
  outages.end(LEASE, NOW - 110_000)
  const credits = makeCreditBook(db)
  const sent: Call[] = []
  const lease = {
    leaseId: LEASE,
    status: 'Active',
    startedAt: 1,
    holdBack: 3_600,
    ...options.lease,
  } as LeaseView
  const deps = {
    chain: {
      ...{ node: 1, agent: AGENT },
      view: () => ({ chainNow: 1, leases: [lease], requests: [] }),
      operator: async () => options.operator ?? AGENT,
      sent: () => options.word ?? 'never',
      send: async (call: Call) => {
        sent.push(call)
        const error = options.fails?.()
        if (error !== undefined) throw error
      },
      encode: { credit: () => ({ to: AGENT, data: '0x' }) },
    },
    ...{ outages, credits, status: makeDutyStatus(), nowMs: () => NOW, signal: new AbortController().signal },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  } as unknown as DutyDeps // the rest is for other duties
  return { round: makeCredits(deps), sent, outages, credits }
}
const BEGIN = [LEASE, 90, [NOW - 200_000]] as const

describe('an outage', () => {
  it('is given back, and is then given back', async () => {
    const { round, sent, outages, credits } = setUp()
    await round()
    expect(sent.map(({ dedupe }) => dedupe)).toEqual([`credit:${LEASE}:1`])
    expect(credits.open()).toEqual([])
    expect(outages.of(LEASE)).toMatchObject([{ creditedMs: NOW }])
    await round()
    expect(sent).toHaveLength(1)
  })

  it('is nobody’s to give back for an agent that is not trusted with it, and waits', async () => {
    const { round, sent, credits } = setUp({ operator: '0x00000000000000000000000000000000000000b2' })
    expect(await round()).toBe('not-operator')
    expect([sent, credits.open()]).toEqual([[], []])
  })

  it('of a lease that holds nothing back is not sent at all', async () => {
    const { round, sent } = setUp({ lease: { holdBack: 0 } })
    await round()
    expect(sent).toEqual([])
  })

  it('that the contract has nothing left for is closed, and not called given', async () => {
    const { round, sent, outages, credits } = setUp({ fails: () => refused('LeaseEscrow_NothingCreditable') })
    await round()
    await round()
    expect([sent.length, credits.open()]).toEqual([1, []])
    expect(outages.of(LEASE)).toMatchObject([{ creditedMs: null }])
  })
})

describe('a credit that was begun before', () => {
  it.each(['never', 'refused'] as const)(
    'is sent under the same key when the journal says %s',
    async (word) => {
      const { round, sent, credits } = setUp({ word })
      credits.begin(...BEGIN)
      await round()
      expect(sent.map(({ dedupe }) => dedupe)).toEqual([`credit:${LEASE}:1`])
    },
  )

  it('is left alone while it is under way, and nothing else is begun for the lease', async () => {
    const { round, sent, outages, credits } = setUp({ word: 'underway' })
    credits.begin(...BEGIN)
    outages.begin(LEASE, NOW - 100_000, 'crashed')
    outages.end(LEASE, NOW - 1)
    await round()
    expect([sent, credits.open().length]).toEqual([[], 1])
  })

  it('is entered as given when the journal says so, and not sent', async () => {
    const { round, sent, outages, credits } = setUp({ word: 'done' })
    credits.begin(...BEGIN)
    await round()
    expect([sent, credits.open()]).toEqual([[], []])
    expect(outages.of(LEASE)).toMatchObject([{ creditedMs: NOW }])
  })

  it('is not sent again when nobody can say what became of it', async () => {
    const { round, sent, outages, credits } = setUp({ word: 'unsure' })
    credits.begin(...BEGIN)
    await round()
    await round()
    expect([sent, credits.open()]).toEqual([[], []])
    expect(outages.of(LEASE)).toMatchObject([{ creditedMs: null }])
  })
})
