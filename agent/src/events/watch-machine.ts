// What happens to disks, images and the hypervisor, told by the adapters' own calls.
import type { EventLog } from '../ports/events.ts'
import type { Hypervisor } from '../ports/hypervisor.ts'
import { type DiskStore, type EnsureOptions, type ImageStore, StorageError } from '../ports/storage.ts'
import { makeOnceIn } from './once-in.ts'

/** A lease that waits for an image asks for it again and again. */
const AGAIN_MS = 60 * 60_000

export const recordDisks = (disks: DiskStore, events: EventLog): DiskStore => ({
  ...disks,
  quarantine: async (leaseId, at, install) => {
    await disks.quarantine(leaseId, at, install)
    events.record({ kind: 'disk.quarantined', leaseId, message: 'the disk is set aside', details: { at } })
  },
  restore: async (leaseId, quarantinedAt) => {
    const path = await disks.restore(leaseId, quarantinedAt)
    const message = 'the disk that was set aside is in use again'
    events.record({
      kind: 'disk.restored',
      leaseId,
      message,
      details: { quarantinedAt: quarantinedAt ?? null },
    })
    return path
  },
  adopt: async (adoption) => {
    const path = await disks.adopt(adoption)
    const { to: leaseId, from } = adoption
    const message = 'the disk of an ended lease is in use under this one'
    events.record({ kind: 'disk.adopted', leaseId, message, details: { from } })
    return path
  },
  purge: async (leaseId, notAfter) => {
    await disks.purge(leaseId, notAfter)
    const message = 'the quarantine is over: the disk is deleted'
    events.record({ kind: 'disk.purged', leaseId, message, details: { notAfter } })
  },
})

export const recordImages = (images: ImageStore, events: EventLog, nowMs: () => number): ImageStore => {
  const isNews = makeOnceIn(AGAIN_MS, nowMs)
  const watched = async <found>(
    image: string,
    waiting: EnsureOptions,
    ask: (waiting: EnsureOptions) => Promise<found>,
  ): Promise<found> => {
    let fetched = false
    const onProgress: NonNullable<EnsureOptions['onProgress']> = (progress) => {
      if (progress.doing === 'downloading') fetched = true
      waiting.onProgress?.(progress)
    }
    try {
      const found = await ask({ ...waiting, onProgress })
      if (fetched && isNews(`fetched ${image}`))
        events.record({
          kind: 'image.fetched',
          message: `the image ${image} was fetched`,
          details: { image },
        })
      return found
    } catch (error) {
      const { code } = error instanceof StorageError ? error : { code: '' }
      if (TOLD.has(code) && isNews(`${code} ${image}`)) {
        const { message } = error as StorageError
        events.record({ kind: `image.${code.replace('image-', '')}`, message, details: { image } })
      }
      throw error
    }
  }
  return {
    ...images,
    ensure: (id, waiting = {}) => watched(id, waiting, (more) => images.ensure(id, more)),
    standingOn: (path, waiting = {}) => watched(path, waiting, (more) => images.standingOn(path, more)),
  }
}

const TOLD: ReadonlySet<string> = new Set([
  'image-corrupt',
  'image-unreachable',
  'image-unsafe',
  'image-unpinned',
])

/** @returns the end of it. */
export const recordHypervisor = (hypervisor: Pick<Hypervisor, 'subscribe'>, events: EventLog): (() => void) =>
  hypervisor.subscribe((event) => {
    switch (event.kind) {
      case 'started':
        return events.record({ kind: 'guest.started', leaseId: event.leaseId, message: 'the guest starts' })
      case 'stopped': {
        const { leaseId, cause } = event
        const message = `the guest is off: ${cause}`
        return events.record({ kind: 'guest.stopped', leaseId, message, details: { cause } })
      }
      case 'disconnected':
        return events.record({ kind: 'hypervisor.lost', message: 'the hypervisor does not answer' })
      case 'reconnected':
        return events.record({ kind: 'hypervisor.back', message: 'the hypervisor answers again' })
      default:
        return
    }
  })
