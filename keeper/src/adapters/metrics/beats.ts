import { DecloudError } from '@decloud/protocol'
import type { Metrics } from '@decloud/service/metrics'
import type { Admission } from '../../services/beats.ts'

/** The same admission, counted by what became of the beat. */
export const watchBeats = (
  metrics: Metrics,
  admit: (message: Uint8Array) => Promise<Admission>,
): ((message: Uint8Array) => Promise<Admission>) => {
  const beats = metrics.counter('beats_total', 'Beats that came in, by what became of them.', ['outcome'])
  return async (message) => {
    try {
      const outcome = await admit(message)
      beats.add({ outcome })
      return outcome
    } catch (error) {
      beats.add({ outcome: error instanceof DecloudError ? error.code : 'failed' })
      throw error
    }
  }
}
