// The agent of this very machine, asked by its operator's commands: they send the token that lies in its data folder.
import { problemSchema } from '@decloud/protocol/wire/api'
import { readOperatorToken } from '../access/operator-token.ts'
import { AgentError } from '../lib/errors.ts'
import type { Io } from './verb.ts'
import { wholeNumber } from './verb.ts'

const DEADLINE_MS = 10_000
const PORT = '7070'
const DATA_DIR = '/var/lib/decloud'

export type LocalAgent = {
  /** Of its API. */
  port: number
  dataDir: string
}

/** @param given `--port`, which wins over the environment. @throws UsageError. */
export const localAgent = (io: Pick<Io, 'env'>, given?: string): LocalAgent => ({
  port: wholeNumber('port', given ?? io.env['DECLOUD_API_PORT'] ?? PORT, 1, 65_535),
  dataDir: io.env['DECLOUD_DATA_DIR'] || DATA_DIR,
})

/**
 * @param path with its leading slash. @param accept statuses besides 2xx whose body is the answer all the same.
 * @returns JSON of the answer.
 * @throws AgentError `agent-unreachable`, `operator-token-…`; the agent's own code and sentence when it refuses.
 */
export const askAgent = async (
  { port, dataDir }: LocalAgent,
  path: string,
  { accept = [] }: { accept?: readonly number[] } = {},
): Promise<unknown> => {
  const url = `http://127.0.0.1:${port}`
  const token = readOperatorToken(dataDir)
  const response = await fetch(new URL(path, url), {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(DEADLINE_MS),
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
