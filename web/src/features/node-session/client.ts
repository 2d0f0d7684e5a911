// One wallet's way into the agent of one node: signing in, tokens that renew themselves, and what is asked with them.
import { DecloudError } from '@decloud/protocol/errors'
import { nodeSignInMessage } from '@decloud/protocol/node-sign-in'
import { type ApiSession, sessionSchema, signInSchema } from '@decloud/protocol/wire/session'
import { signMessage } from 'viem/actions'
import type { Runtime } from '../../data/runtime.tsx'
import type { Signer } from '../../flows/flow.ts'
import { type Asking, askAgent, withSlash } from './ask.ts'
import { readSession, sessionKey, writeSession } from './store.ts'

/** @param node index as the lease names it on chain: the agent that asks is not asked who it is. */
export const signIn = async (
  { config }: Runtime,
  { node, endpoint }: { node: number; endpoint: string },
  signer: Signer,
): Promise<void> => {
  const { address } = signer.account
  const offer = signInSchema.parse(await askAgent(endpoint, 'v1/session/nonce', { body: {} }))
  const message = nodeSignInMessage({
    ...{ deployment: config, node, address, offer },
    ...{ domain: window.location.host, issuedAt: new Date() },
  })
  const signature = await signMessage(signer, { account: signer.account, message })
  const session = sessionSchema.parse(
    await askAgent(endpoint, 'v1/session/login', { body: { message, signature } }),
  )
  writeSession(sessionKey(config, node, address), session)
}

/** Before its end a token is not relied on. */
const SLACK_MS = 60_000
const renewing = new Map<string, Promise<ApiSession>>()

/** Refresh tokens work once: whoever needs a new one waits for the same answer. */
const renew = (key: string, endpoint: string, { refreshToken }: ApiSession): Promise<ApiSession> => {
  const running = renewing.get(key)
  if (running !== undefined) return running
  const begun = askAgent(endpoint, 'v1/session/refresh', { body: { refreshToken } })
    .then((answer) => {
      const session = sessionSchema.parse(answer)
      writeSession(key, session)
      return session
    })
    .finally(() => renewing.delete(key))
  renewing.set(key, begun)
  return begun
}

export type NodeClient = {
  /** @throws DecloudError `signed-out`; as `askAgent`. */
  token(): Promise<string>
  /** The URL of a path of the agent, without a leading slash. */
  at(path: string): URL
  /** JSON of the answer. @throws as `token`. */
  ask(path: string, asking?: Omit<Asking, 'token'>): Promise<unknown>
}

const OVER: ReadonlySet<string> = new Set(['session-unknown', 'session-reused', 'wallet-unknown'])

export const nodeClient = (key: string, endpoint: string): NodeClient => {
  const orSignOut = async <answer>(work: Promise<answer>): Promise<answer> => {
    try {
      return await work
    } catch (error) {
      if (error instanceof DecloudError && OVER.has(error.code)) {
        writeSession(key, null)
        throw signedOut(error)
      }
      throw error
    }
  }
  const token = async () => {
    const session = readSession(key)
    if (session === null) throw signedOut()
    if (session.accessExpiresAt * 1_000 - SLACK_MS > Date.now()) return session.accessToken
    return (await orSignOut(renew(key, endpoint, session))).accessToken
  }
  return {
    token,
    at: (path) => new URL(path, withSlash(endpoint)),
    ask: async (path, asking = {}) =>
      orSignOut(askAgent(endpoint, path, { ...asking, token: await token() })),
  }
}

const signedOut = (cause?: unknown) =>
  new DecloudError('signed-out', 'The session with the node is over.', {
    hint: 'Sign in to the node again.',
    ...(cause === undefined ? {} : { cause }),
  })
