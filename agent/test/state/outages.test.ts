import { openDatabase } from '@decloud/chain'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeOutageStore } from '../../src/state/outage-store.ts'
import { makeVmStore } from '../../src/state/vm-store.ts'

const A = '0xa1'
const B = '0xb2'

describe('outages on record', () => {
  let db: ReturnType<typeof openDatabase>
  let outages: ReturnType<typeof makeOutageStore>
  beforeEach(() => {
    db = openDatabase(':memory:')
    makeVmStore(db) // brings the schema up to date
    outages = makeOutageStore(db)
  })
  afterEach(() => db.close())

  it('begin once and end once, each lease by itself', () => {
    outages.begin(A, 1_000, 'crashed')
    outages.begin(A, 2_000, 'powered-off')
    outages.begin(B, 1_500, 'missing')
    expect(outages.lasting(A)).toEqual({
      leaseId: A,
      fromMs: 1_000,
      toMs: null,
      cause: 'crashed',
      creditedMs: null,
    })
    outages.end(A, 5_000)
    outages.end(A, 9_000)
    expect(outages.of(A)).toMatchObject([{ fromMs: 1_000, toMs: 5_000 }])
    expect(outages.lasting(A)).toBeNull()
    expect(outages.lasting(B)).not.toBeNull()
  })

  it('never overlap and never end before they began, whatever the clock does', () => {
    outages.begin(A, 10_000, 'crashed')
    outages.end(A, 4_000)
    expect(outages.of(A)).toMatchObject([{ fromMs: 10_000, toMs: 10_000 }])
    outages.begin(A, 3_000, 'crashed')
    expect(outages.lasting(A)?.fromMs).toBe(10_001)
  })

  it('are handed out until they are credited, and not while they last or are empty', () => {
    outages.begin(A, 1_000, 'crashed')
    expect(outages.uncredited()).toEqual([])
    outages.end(A, 3_000)
    outages.begin(B, 2_000, 'disk-full')
    outages.end(B, 2_000)
    expect(outages.uncredited()).toMatchObject([{ leaseId: A, fromMs: 1_000, toMs: 3_000 }])
    outages.markCredited(A, 1_000, 7_000)
    outages.markCredited(A, 1_000, 8_000)
    expect(outages.uncredited()).toEqual([])
    expect(outages.of(A)).toMatchObject([{ creditedMs: 7_000 }])
  })

  it('that make no sense are said to be damaged, not guessed at', () => {
    db.exec("INSERT INTO outages VALUES ('nonsense', 1, NULL, 'crashed', NULL)")
    expect(() => outages.of('nonsense' as `0x${string}`)).toThrowError(
      expect.objectContaining({ code: 'state-damaged' }),
    )
  })
})
