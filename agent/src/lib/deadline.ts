import { AgentError } from './errors.ts'

/**
 * @returns what `work` resolves to.
 * @throws AgentError `step-timeout` after `ms`, `aborted` when `signal` aborts; the work itself is given the same signal.
 */
export const withDeadline = async <result>(
  what: string,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<result>,
): Promise<result> => {
  const timeout = AbortSignal.timeout(ms)
  const either = AbortSignal.any([signal, timeout])
  let onAbort: (() => void) | undefined
  const cut = new Promise<never>((_, reject) => {
    onAbort = () =>
      reject(
        timeout.aborted
          ? new AgentError('step-timeout', `${what} took longer than ${Math.round(ms / 1000)} s.`)
          : new AgentError('aborted', `${what} was broken off: the agent is stopping.`),
      )
    if (either.aborted) onAbort()
    else either.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work(either), cut])
  } finally {
    if (onAbort !== undefined) either.removeEventListener('abort', onAbort)
  }
}
