// The agent of this very machine, asked by its operator's commands: they send the token that lies in its data folder.
import { problemSchema } from '@decloud/protocol/wire/api'
import { readOperatorToken } from '../access/operator-token.ts'
import { load } from '../config/config.ts'
import { AgentError } from '../lib/errors.ts'
import type { Io } from './verb.ts'
import { wholeNumber } from './verb.ts'

const DEADLINE_MS = 10_000
/** Listening on every address means on loopback too. */
const EVERYWHERE = new Set(['0.0.0.0', '::'])

export type Asking = {
  /** Of the API, where the configuration does not say it: it may have taken any free one. */
  port?: string | undefined
  /** Statuses besides 2xx whose body is the answer all the same. */
  accept?: readonly number[]
}

/**
 * @param path with its leading slash.
 * @returns JSON of the answer.
 * @throws AgentError `agent-unreachable`, `operator-token-…`; the agent's own code and sentence when it refuses;
 *   ConfigError, UsageError.
 */
export const askAgent = async (
  io: Pick<Io, 'env' | 'given' | 'signal'>,
  path: string,
  { port, accept = [] }: Asking = {},
): Promise<unknown> => {
  const { dataDir, apiHost = '127.0.0.1', apiPort } = load(io.env, io.given, []).config
  const host = EVERYWHERE.has(apiHost) ? '127.0.0.1' : apiHost.includes(':') ? `[${apiHost}]` : apiHost
  const url = `http://${host}:${port === undefined ? apiPort : wholeNumber('port', port, 1, 65_535)}`
  const token = readOperatorToken(dataDir)
  const response = await fetch(new URL(path, url), {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.any([io.signal, AbortSignal.timeout(DEADLINE_MS)]),
  }).catch((cause: unknown) => {
    throw new AgentError('agent-unreachable', `No agent answers at ${url}.`, {
      hint: 'Start it with `decloud-node run`, or give its port with --port.',
      cause,
    })
  })
  const answer: unknown = await response.json().catch(() => null)
  const problem = problemSchema.safeParse(answer)
  if (response.ok || (accept.includes(response.status) && !problem.success)) return answer
  if (!problem.success) {
    throw new AgentError('agent-answer', `Something else than an agent answers at ${url}.`, {
      hint: 'Give the port of the agent with --port.',
    })
  }
  throw new AgentError(problem.data.code, problem.data.detail ?? problem.data.title)
}
