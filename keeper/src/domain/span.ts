import { DecloudError } from '@decloud/protocol'

/**
 * A span of time in whole steps, both ends included, as unix seconds at which a step begins.
 * @param usual steps when no beginning is asked for; at most `most`.
 * @throws DecloudError `span-invalid`.
 */
export const spanOf = (
  asked: { from?: number | undefined; to?: number | undefined },
  { now, step, most, usual }: { now: number; step: number; most: number; usual: number },
): { from: number; to: number } => {
  const begin = (at: number) => Math.floor(at / step) * step
  const to = begin(asked.to ?? now)
  const from = begin(asked.from ?? Math.max(to - (usual - 1) * step, 0))
  const steps = (to - from) / step + 1
  if (steps >= 1 && steps <= most) return { from, to }
  throw new DecloudError('span-invalid', `The span has ${steps} steps; it may have 1 to ${most}.`, {
    hint: 'Ask for less at a time, with `from` before `to`.',
  })
}
