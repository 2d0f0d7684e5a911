// One transaction of a duty, from the guards to what its end means.
import { RevertError } from '@decloud/chain'
import { sentenceOf } from '@decloud/protocol'
import type { DutyDeps } from './deps.ts'
import type { Call, Duty } from './ports.ts'

/**
 * Sends, and says what came of it. A refusal is no error: somebody was first, or the world has moved on.
 * @returns `refused` with the contract's error, when the contract will not have it.
 * @throws ChainError when it cannot be told: it is on its way, or nothing was sent; a later round looks again.
 */
export const act = async (
  { chain, status, log, signal }: Pick<DutyDeps, 'chain' | 'status' | 'log' | 'signal'>,
  duty: Duty,
  call: Call,
  about: object,
): Promise<{ outcome: 'done' } | { outcome: 'refused'; errorName: string }> => {
  try {
    await chain.send(call, signal)
    status.done(duty)
    log.info({ duty, ...about }, call.kind)
    return { outcome: 'done' }
  } catch (error) {
    if (!(error instanceof RevertError)) throw error
    status.left(duty)
    log.info({ duty, ...about, code: error.errorName }, `${call.kind}: left, ${sentenceOf(error)}`)
    return { outcome: 'refused', errorName: error.errorName }
  }
}
