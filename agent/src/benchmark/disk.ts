// How fast the disk of the guests is written, and how long a small write takes to be safe on it: with one small file,
// which is removed whatever happens; the next run removes that of one that was killed.
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { sentenceOf } from '@decloud/protocol'
import type { Known } from '@decloud/protocol/wire/facts'
import { unknown, value } from '../discovery/known.ts'

const FILE = 'benchmark.partial'
const MIB = 1024 ** 2
const SIZE_MIB = 128
/** Left free beside the file: guests' own writes come first. */
const SPARE_MIB = 2_048
const SYNCS = 33
const BLOCK = 4_096
/** Of each part; what was written until then counts. */
const LIMIT_MS = 10_000

export type DiskSpeed = { readonly mibPerSecond: number; readonly syncMs: number }

/** Of a run that was killed. */
const removeDiskLeftover = (dataDir: string): Promise<void> => rm(join(dataDir, FILE), { force: true })

export const measureDisk = async (dataDir: string, signal: AbortSignal): Promise<Known<DiskSpeed>> => {
  const path = join(dataDir, FILE)
  try {
    await removeDiskLeftover(dataDir)
    const { bavail, bsize } = await statfs(dataDir)
    if ((bavail * bsize) / MIB < SIZE_MIB + SPARE_MIB) {
      return unknown('The disk is too full to be measured.')
    }
    const file = await open(path, 'wx', 0o600)
    try {
      const mibPerSecond = await writeInARow(file, signal)
      return value({ mibPerSecond, syncMs: await syncEach(file, signal) })
    } finally {
      await file.close()
    }
  } catch (error) {
    signal.throwIfAborted()
    return unknown(`The disk cannot be measured: ${sentenceOf(error)}`)
  } finally {
    await rm(path, { force: true })
  }
}

/** Noise, so that no file system makes it smaller; the time ends when all of it is on the disk. */
const writeInARow = async (file: FileHandle, signal: AbortSignal): Promise<number> => {
  const chunk = randomBytes(MIB)
  const begun = performance.now()
  let written = 0
  while (written < SIZE_MIB && performance.now() - begun < LIMIT_MS) {
    signal.throwIfAborted()
    await file.write(chunk)
    written += 1
  }
  await file.sync()
  return (written * 1_000) / (performance.now() - begun)
}

/** The median: one that waits for somebody else's writes says nothing about the disk. */
const syncEach = async (file: FileHandle, signal: AbortSignal): Promise<number> => {
  const block = randomBytes(BLOCK)
  const begun = performance.now()
  const times: number[] = []
  while (times.length < SYNCS && (times.length === 0 || performance.now() - begun < LIMIT_MS)) {
    signal.throwIfAborted()
    const start = performance.now()
    await file.write(block, 0, BLOCK, times.length * BLOCK)
    await file.datasync()
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  return times[Math.floor(times.length / 2)] ?? 0
}
