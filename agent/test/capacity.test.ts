// What fits, and that nothing is ever sold twice: the pure rule, and the ledger over a real database.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import type { Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import {
  type Amounts,
  freeGpus,
  hostMemoryFor,
  overRegistered,
  type Reservation,
  type Room,
  shortage,
} from '../src/domain/capacity.ts'
import { grown, reserveBytesOf, spaceLevel } from '../src/domain/disk-space.ts'
import { makeLedger } from '../src/state/ledger-store.ts'

const GIB = 1024 ** 3
const OFFERED: Amounts = { pointUnits: 96, memoryMiB: 8_192, diskGiB: 100, gpus: 2 }
const CARDS = ['0000:01:00.0', '0000:02:00.0']
const ROOM: Room = { offered: OFFERED, hostMemoryMiB: 9_000, overheadMiB: 100, gpuAddresses: CARDS }
const SMALL: Amounts = { pointUnits: 8, memoryMiB: 1_024, diskGiB: 10, gpus: 0 }
const idOf = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const held = (amounts: Amounts, n = 1, gpuAddresses: readonly string[] = []): Reservation => ({
  ...amounts,
  leaseId: idOf(n),
  gpuAddresses,
})

describe('one more guest', () => {
  it('fits to the last unit, and not one beyond', () => {
    for (const resource of ['pointUnits', 'memoryMiB', 'diskGiB'] as const) {
      const room = { ...ROOM, hostMemoryMiB: null }
      const half = { ...SMALL, [resource]: OFFERED[resource] / 2 }
      expect(shortage(room, [held(half)], half), resource).toBeNull()
      const more = { ...half, [resource]: half[resource] + 1 }
      expect(shortage(room, [held(half)], more), resource).toContain(`offers ${OFFERED[resource]}`)
    }
  })

  it("needs its emulator's memory too, and so did every guest before it", () => {
    const two = { ...SMALL, memoryMiB: 4_400 - 100 }
    expect(shortage({ ...ROOM, offered: { ...OFFERED, memoryMiB: 99_999 } }, [held(two)], two)).toBeNull()
    const tight = { ...ROOM, hostMemoryMiB: 8_799, offered: { ...OFFERED, memoryMiB: 99_999 } }
    expect(shortage(tight, [held(two)], two)).toContain('8799 MiB for guests, 4400 taken')
  })

  it('is not judged by a machine that does not say how much memory it has', () => {
    const room = { ...ROOM, hostMemoryMiB: null }
    expect(shortage(room, [], { ...SMALL, memoryMiB: 8_192 })).toBeNull()
  })

  it('needs GPUs that are registered, named in the configuration, and free', () => {
    const one = { ...SMALL, gpus: 1 }
    expect(shortage(ROOM, [held(one, 1, [CARDS[0]!])], one)).toBeNull()
    expect(freeGpus(ROOM, [held(one, 1, [CARDS[0]!])])).toEqual([CARDS[1]])
    expect(shortage(ROOM, [held({ ...SMALL, gpus: 2 }, 1, CARDS)], one)).toContain('GPUs')
    expect(shortage({ ...ROOM, gpuAddresses: [] }, [], one)).toContain('0 that no other guest holds')
  })
})

test('the host keeps half a GiB, and a fiftieth where that is more', () => {
  expect(hostMemoryFor(1_024)).toBe(512)
  expect(hostMemoryFor(100_000)).toBe(98_000)
  expect(hostMemoryFor(100)).toBe(0)
})

test('an operator is told what was registered and is not there', () => {
  expect(overRegistered(ROOM, 100)).toEqual([])
  const short = { ...ROOM, hostMemoryMiB: 4_000, gpuAddresses: [] }
  expect(overRegistered(short, 50)).toEqual([
    expect.stringContaining('4000 for guests'),
    expect.stringContaining('100 GiB of disk'),
    expect.stringContaining('2 GPUs are registered; 0'),
  ])
  expect(overRegistered({ ...ROOM, hostMemoryMiB: null }, null)).toEqual([])
})

test('disks are low under a tenth or 20 GiB, critical under 3 % or 5 GiB, whichever is less', () => {
  const level = (freeGiB: number, totalGiB: number) =>
    spaceLevel({
      freeBytes: freeGiB * GIB,
      totalBytes: totalGiB * GIB,
      reserveBytes: reserveBytesOf(undefined, false),
    })
  expect([level(11, 100), level(9.9, 100), level(3.1, 100), level(2.9, 100)]).toEqual([
    'ok',
    'low',
    'low',
    'critical',
  ])
  expect([level(21, 4_000), level(19, 4_000), level(4.9, 4_000)]).toEqual(['ok', 'low', 'critical'])
})

test('the reserve is what its operator says, and little where nobody sells anything', () => {
  expect([reserveBytesOf(7, false), reserveBytesOf(0, true)]).toEqual([7 * GIB, 0])
  expect(reserveBytesOf(undefined, true)).toBe(2 * GIB)
  const none = { freeBytes: 1, totalBytes: 4_000 * GIB, reserveBytes: 0 }
  expect(spaceLevel(none)).toBe('ok')
})

test('of disks that grow the fastest come first; new ones and shrinking ones are none of them', () => {
  const before = new Map([
    [idOf(1), 10],
    [idOf(2), 10],
    [idOf(3), 10],
  ])
  const now = new Map([
    [idOf(1), 15],
    [idOf(2), 30],
    [idOf(3), 5],
    [idOf(4), 99],
  ])
  expect(grown(before, now)).toEqual([
    { leaseId: idOf(2), bytes: 20 },
    { leaseId: idOf(1), bytes: 5 },
  ])
})

describe('the ledger', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'decloud-ledger-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))
  const open = () => openDatabase(join(directory, 'agent.db'))

  it('survives its process, GPUs included, and gives back what is released', () => {
    const first = open()
    expect(makeLedger(first).reserve(idOf(1), { ...SMALL, gpus: 1 }, ROOM, false)).toBeNull()
    first.close()
    const db = open()
    const ledger = makeLedger(db)
    expect(ledger.of(idOf(1))).toEqual({ ...SMALL, gpus: 1, leaseId: idOf(1), gpuAddresses: [CARDS[0]] })
    expect(ledger.reserve(idOf(2), { ...SMALL, gpus: 1 }, ROOM, false)).toBeNull()
    expect(ledger.of(idOf(2))?.gpuAddresses).toEqual([CARDS[1]])
    expect(ledger.reserve(idOf(3), { ...SMALL, gpus: 1 }, ROOM, false)).toContain('GPUs')
    ledger.release(idOf(1))
    ledger.release(idOf(1))
    expect(ledger.reserve(idOf(3), { ...SMALL, gpus: 1 }, ROOM, false)).toBeNull()
    expect(ledger.of(idOf(3))?.gpuAddresses).toEqual([CARDS[0]])
    db.close()
  })

  it('asks a lease that holds its room no second time, however full the node is', () => {
    const db = open()
    const ledger = makeLedger(db)
    const all = { ...SMALL, pointUnits: 96, gpus: 2 }
    expect(ledger.reserve(idOf(1), all, ROOM, false)).toBeNull()
    expect(ledger.reserve(idOf(1), all, ROOM, false)).toBeNull()
    expect(ledger.of(idOf(1))?.gpuAddresses).toEqual(CARDS)
    expect(ledger.all()).toHaveLength(1)
    expect(ledger.reserve(idOf(2), SMALL, ROOM, false)).toContain('compute')
    expect(ledger.of(idOf(2))).toBeNull()
    db.close()
  })

  it('never turns away what is served already, and then has no room for others', () => {
    const db = open()
    const ledger = makeLedger(db)
    const most = { ...SMALL, memoryMiB: 8_000 }
    expect(ledger.reserve(idOf(1), most, ROOM, true)).toBeNull()
    expect(ledger.reserve(idOf(2), most, ROOM, true)).toBeNull()
    expect(ledger.reserve(idOf(3), SMALL, ROOM, false)).toContain('memory')
    db.close()
  })

  it('whatever comes and goes, in whatever order: the sum of what was admitted never exceeds the offer', () => {
    const db = open()
    const ledger = makeLedger(db)
    const seed = Number(process.env['DECLOUD_SEED'] ?? 20_261_121)
    console.info(`seed ${seed}`)
    let state = seed
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    let refused = 0
    for (let i = 0; i < 2_000; i++) {
      const leaseId = idOf(random(30))
      if (random(3) === 0) ledger.release(leaseId)
      else {
        const wanted = {
          pointUnits: 3 * (1 + random(8)),
          memoryMiB: 256 * (1 + random(8)),
          diskGiB: 1 + random(30),
          gpus: random(5) === 0 ? 1 : 0,
        }
        if (ledger.of(leaseId) === null && ledger.reserve(leaseId, wanted, ROOM, false) !== null) refused++
      }
      const all = ledger.all()
      const total = (of: (one: Reservation) => number) => all.reduce((sum, one) => sum + of(one), 0)
      for (const resource of ['pointUnits', 'memoryMiB', 'diskGiB', 'gpus'] as const) {
        expect(total((one) => one[resource])).toBeLessThanOrEqual(OFFERED[resource])
      }
      expect(total((one) => one.memoryMiB + ROOM.overheadMiB)).toBeLessThanOrEqual(9_000)
      const cards = all.flatMap(({ gpuAddresses }) => gpuAddresses)
      expect(new Set(cards).size).toBe(cards.length)
      expect(cards).toHaveLength(total(({ gpus }) => gpus))
    }
    expect(refused).toBeGreaterThan(100)
    db.close()
  })
})
