// Watches the file system under the guests' disks. It only looks and tells: no disk is ever removed to make room.
import { stat } from 'node:fs/promises'
import { sentenceOf } from '@decloud/protocol'
import type { Hex } from 'viem'
import { type DiskSpace, grown, type SpaceLevel, spaceLevel } from '../domain/disk-space.ts'
import type { DiskStore } from '../ports/storage.ts'
import type { Log, Machine } from './ports.ts'

export const SPACE_LOOK_MS = 30_000
const BLOCK = 512

type Reading = DiskSpace & { readonly level: SpaceLevel }

export type SpaceGuardOptions = {
  readonly machine: Pick<Machine, 'availableDiskBytes' | 'totals' | 'diskReserveBytes'>
  readonly disks: Pick<DiskStore, 'list'>
  readonly log: Log
  readonly lookMs: number
}

export const watchSpace = ({ machine, disks, log, lookMs }: SpaceGuardOptions) => {
  let last: Reading | null = null
  let sizes: ReadonlyMap<Hex, number> = new Map()
  let looking: Promise<void> | null = null

  const look = async () => {
    const [freeBytes, { diskBytes }] = await Promise.all([machine.availableDiskBytes(), machine.totals()])
    const space = { freeBytes, totalBytes: diskBytes ?? freeBytes, reserveBytes: machine.diskReserveBytes }
    const before = last?.level ?? 'ok'
    last = { ...space, level: spaceLevel(space) }
    if (last.level === 'critical') await tellGrowth(last)
    else sizes = new Map()
    if (last.level === before) return
    if (last.level === 'ok') log.info(last, 'the disks have room again')
    else log.warn(last, SAY[last.level])
  }

  const tellGrowth = async (reading: Reading) => {
    const now = await sizesOf(disks)
    const growth = sizes.size === 0 ? [] : grown(sizes, now)
    sizes = now
    log.error({ ...reading, growth }, 'the disks are nearly full: guests will be paused at a write')
  }

  const run = () => {
    looking ??= look()
      .catch((error: unknown) => {
        last = null
        log.warn({ detail: sentenceOf(error) }, 'the free space under the disks cannot be read')
      })
      .finally(() => {
        looking = null
      })
    return looking
  }
  void run()
  const timer = setInterval(run, lookMs)

  return {
    level: (): Reading | null => last,
    close: async () => {
      clearInterval(timer)
      await looking
    },
  }
}

const SAY: Readonly<Record<'low' | 'critical', string>> = {
  low: 'the disks are filling up: nothing new is set up on this node until there is room',
  critical: 'the disks are nearly full: free some space, or add some, before guests have to be paused',
}

/** Bytes that each disk takes on the file system by now, which is less than it promises. */
const sizesOf = async (disks: Pick<DiskStore, 'list'>): Promise<ReadonlyMap<Hex, number>> => {
  const inUse = (await disks.list()).filter(({ quarantinedAt }) => quarantinedAt === null)
  const sizes = await Promise.all(
    inUse.map(async ({ leaseId, path }) => {
      const bytes = await stat(path).then(
        ({ blocks }) => blocks * BLOCK,
        () => null, // it was purged or set aside meanwhile
      )
      return bytes === null ? [] : [[leaseId, bytes] as const]
    }),
  )
  return new Map(sizes.flat())
}
