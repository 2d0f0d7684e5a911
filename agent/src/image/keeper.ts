// Gives room back before the node has to turn leases away: images can be downloaded again, disks of guests cannot.
import { statfs } from 'node:fs/promises'
import { sentenceOf } from '@decloud/protocol'
import type { ImageStore } from '../ports/storage.ts'
import type { Log } from '../reconcile/ports.ts'

const GIB = 1024 ** 3
/** A part of the disk on small ones, a fixed size on large ones; above the mark at which nothing new is provisioned. */
const WANTED = { part: 0.15, most: 30 * GIB }

/** Pure. Bytes that should be freed; 0 while there is room. */
export const shortage = ({ freeBytes, totalBytes }: { freeBytes: number; totalBytes: number }): number =>
  Math.max(0, Math.ceil(Math.min(WANTED.part * totalBytes, WANTED.most) - freeBytes))

export type KeeperOptions = {
  readonly images: Pick<ImageStore, 'collect'>
  /** Of the file system that the images lie on. */
  readonly space: () => Promise<{ freeBytes: number; totalBytes: number }>
  readonly log: Log
  readonly everyMs: number
}

/** Looks at once and then again and again, until `close`, which waits for a look under way. */
export const keepRoom = ({ images, space, log, everyMs }: KeeperOptions) => {
  let looking: Promise<void> | null = null
  const look = async () => {
    const bytes = shortage(await space())
    if (bytes === 0) return
    const freedBytes = await images.collect(bytes)
    if (freedBytes > 0) log.info({ freedBytes }, 'images that no disk stands on were removed to make room')
  }
  const run = () => {
    looking ??= look()
      .catch((error: unknown) =>
        log.warn({ detail: sentenceOf(error) }, 'no image can be removed to make room'),
      )
      .finally(() => {
        looking = null
      })
  }
  run()
  const timer = setInterval(run, everyMs)
  return {
    close: async () => {
      clearInterval(timer)
      await looking
    },
  }
}

/** @param path anything on the file system, which is there already. */
export const spaceOf = (path: string) => async () => {
  const { bavail, blocks, bsize } = await statfs(path)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}
