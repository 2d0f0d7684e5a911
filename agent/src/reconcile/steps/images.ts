// The image of a lease. A download takes longer than a step should: the lease is looked at again in between, so that one
// that ended meanwhile does not wait for gigabytes.
import { AgentError } from '../../lib/errors.ts'
import {
  type EnsureOptions,
  type ImageProgress,
  StorageError,
  type VerifiedImage,
} from '../../ports/storage.ts'
import type { Outcome, StepContext } from './context.ts'
import { recordOf } from './records.ts'

const SLICE_MS = 15_000
/** Every write of a record is a synced transaction. */
const SHOW_EVERY_MS = 2_000
const FETCHING = 'image-fetching'

/** For a new disk. */
export const imageOf = async (context: StepContext): Promise<VerifiedImage> =>
  context.deps.images.ensure(nameOf(context), { signal: context.signal })

/** For the disk that is there: the build it was made on, which it needs bit by bit, kernel and all. */
export const imageOfDisk = async (
  { deps, lease, vm, signal }: StepContext,
  options: EnsureOptions = {},
): Promise<VerifiedImage> => {
  const waiting = { signal, ...options }
  const base = await deps.disks.baseOf(lease.leaseId)
  if (base !== null) return deps.images.standingOn(base, waiting)
  return deps.images.ensure(nameOf({ deps, lease, vm, signal }), waiting)
}

export const ensureImage = async (context: StepContext): Promise<Outcome> => {
  const { deps, lease, signal } = context
  const image = nameOf(context)
  const slice = AbortSignal.timeout(SLICE_MS)
  let shownMs = 0
  const onProgress = (progress: ImageProgress) => {
    const nowMs = deps.nowMs()
    const vm = deps.store.get(lease.leaseId)
    if (vm === null || nowMs - shownMs < SHOW_EVERY_MS) return
    shownMs = nowMs
    deps.store.put({ ...vm, reason: { code: FETCHING, message: sentenceFor(image, progress) } })
  }
  try {
    await imageOfDisk(context, { signal: AbortSignal.any([signal, slice]), onProgress })
  } catch (error) {
    const waited = error instanceof StorageError && error.code === 'interrupted' && slice.aborted
    if (waited && !signal.aborted) return { waitMs: 0 }
    throw error
  }
  const vm = deps.store.get(lease.leaseId)
  if (vm?.reason?.code === FETCHING) deps.store.put({ ...vm, reason: null })
  return undefined
}

const nameOf = (context: StepContext): string => {
  const { image } = recordOf(context)
  if (image === null) throw new AgentError('manifest-unopened', 'The manifest has not been opened yet.')
  return image
}

const mib = (bytes: number) => Math.floor(bytes / 1024 ** 2)

const sentenceFor = (image: string, { doing, doneBytes, totalBytes }: ImageProgress): string => {
  if (doing === 'waiting') return `Waiting for another program of the node that works on the image ${image}.`
  if (doing === 'verifying') return `Checking the image ${image}.`
  if (doing === 'converting') return `Converting the image ${image}.`
  if (totalBytes === null) return `Downloading the image ${image}: ${mib(doneBytes)} MiB so far.`
  const percent = Math.floor((100 * doneBytes) / Math.max(1, totalBytes))
  return `Downloading the image ${image}: ${mib(doneBytes)} of ${mib(totalBytes)} MiB (${percent} %).`
}
