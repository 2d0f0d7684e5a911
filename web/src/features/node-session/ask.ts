import { DecloudError } from '@decloud/protocol/errors'
import { problemSchema } from '@decloud/protocol/wire/api'

const TIMEOUT_MS = 6_000

export type Asking = {
  token?: string | undefined
  /** Sent as JSON by POST; without one it is a GET. */
  body?: unknown
  signal?: AbortSignal | undefined
}

/**
 * @param path without a leading slash. @returns JSON of the answer, null where it has none.
 * @throws DecloudError with the agent's own code and sentence; `agent-unreachable`, `agent-malformed`.
 */
export const askAgent = async (
  endpoint: string,
  path: string,
  { token, body, signal }: Asking = {},
): Promise<unknown> => {
  const deadline = AbortSignal.timeout(TIMEOUT_MS)
  const response = await fetch(new URL(path, withSlash(endpoint)), {
    credentials: 'omit',
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new DecloudError('agent-unreachable', "The node's agent cannot be reached from this browser.", {
      hint: 'The chain below is still exact: billing and refunds do not depend on it.',
      details: { endpoint },
      cause,
    })
  })
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok) return answer
  const problem = problemSchema.safeParse(answer)
  if (problem.success) throw new DecloudError(problem.data.code, problem.data.detail ?? problem.data.title)
  throw malformed(response.status)
}

export const malformed = (status: number, cause?: unknown) =>
  new DecloudError('agent-malformed', `The node's agent answered ${status} with something else.`, {
    hint: 'The chain below is still exact.',
    ...(cause === undefined ? {} : { cause }),
  })

export const withSlash = (endpoint: string) => (endpoint.endsWith('/') ? endpoint : `${endpoint}/`)
