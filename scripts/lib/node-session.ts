// A wallet's own way into the agent of a node: it signs in when first asked for something, and again when that is over.
import { DecloudError, nodeSignInMessage } from '@decloud/protocol'
import { problemSchema } from '@decloud/protocol/wire/api'
import { type ApiSession, sessionSchema, signInSchema } from '@decloud/protocol/wire/session'
import type { Tenant } from './tenant.ts'

export type Signer = Pick<Tenant, 'chain' | 'account'>

/** A node that does not know the wallet yet (its lease is seconds old) is not asked again sooner. */
const REFUSED_MS = 1_000
/** Before its end a token is not relied on. */
const SLACK_MS = 30_000
const DEADLINE_MS = 20_000

export type NodeSession = {
  /** JSON of the answer, or null for an empty one. @throws DecloudError with the node's code, or `node-unreachable`. */
  ask(path: string, body?: unknown): Promise<unknown>
  /** A token that is good now. @throws as `ask`. */
  token(): Promise<string>
}

const sessions = new WeakMap<Signer['account'], Map<string, NodeSession>>()

/** One for each account, endpoint and node. @param node index, as the chain names it for the lease. */
export const sessionAt = (signer: Signer, endpoint: string, node: number): NodeSession => {
  const own = sessions.get(signer.account) ?? new Map<string, NodeSession>()
  sessions.set(signer.account, own)
  const key = `${node}@${endpoint}`
  const known = own.get(key) ?? makeNodeSession(signer, endpoint, node)
  own.set(key, known)
  return known
}

const makeNodeSession = (signer: Signer, endpoint: string, node: number): NodeSession => {
  let session: ApiSession | null = null
  let opening: Promise<ApiSession> | null = null
  let refused: { error: unknown; untilMs: number } | null = null

  const open = async () => {
    try {
      session = await signIn(signer, endpoint, node)
      return session
    } catch (error) {
      refused = { error, untilMs: Date.now() + REFUSED_MS }
      throw error
    } finally {
      opening = null
    }
  }

  const token = async () => {
    const isGood = session !== null && session.accessExpiresAt * 1_000 - SLACK_MS > Date.now()
    if (session !== null && isGood) return session.accessToken
    if (opening === null && refused !== null && Date.now() < refused.untilMs) throw refused.error
    opening ??= open()
    return (await opening).accessToken
  }

  return {
    token,
    ask: async (path, body) => {
      const used = await token()
      try {
        return await askNode(endpoint, path, { token: used, body })
      } catch (error) {
        // Another agent with the same address, or one that has forgotten: asked once more with a new session.
        if (!(error instanceof DecloudError) || error.code !== 'session-unknown') throw error
        if (session?.accessToken === used) session = null
        return await askNode(endpoint, path, { token: await token(), body })
      }
    },
  }
}

const signIn = async ({ chain, account }: Signer, endpoint: string, node: number) => {
  const offer = signInSchema.parse(await askNode(endpoint, '/v1/session/nonce', { body: {} }))
  const message = nodeSignInMessage({
    ...{ deployment: chain.deployment, node, address: account.address, offer },
    ...{ domain: new URL(endpoint).host, issuedAt: new Date() },
  })
  const signature = await account.signMessage({ message })
  return sessionSchema.parse(await askNode(endpoint, '/v1/session/login', { body: { message, signature } }))
}

/** POST where there is a body, else GET. @throws DecloudError with the node's code and sentence, `node-unreachable`. */
export const askNode = async (
  endpoint: string,
  path: string,
  { token, body }: { token?: string; body?: unknown },
): Promise<unknown> => {
  const response = await fetch(new URL(path, endpoint), {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).catch((cause: unknown) => {
    throw new DecloudError('node-unreachable', `The node cannot be reached at ${endpoint}.`, {
      hint: 'With --on-chain the order goes to the chain instead, for gas.',
      cause,
    })
  })
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok) return answer
  const problem = problemSchema.safeParse(answer)
  if (!problem.success) throw new DecloudError('node-answer', `The node answered ${response.status}.`)
  throw new DecloudError(problem.data.code, problem.data.detail ?? problem.data.title)
}
