// Sessions: who is asking, where an answer is for their eyes only. A wallet's signature over an EIP-4361 message opens
// one; tokens are random and kept as hashes; nothing on the chain depends on any of it.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { DecloudError } from '@decloud/protocol'
import { type Address, getAddress, type Hex } from 'viem'
import { readSignIn } from './message.ts'
import { makeNonces } from './nonces.ts'
import type { SessionStore, StoredSession } from './ports.ts'

/** Seconds. */
const ACCESS_LIFE = 3_600
const REFRESH_LIFE = 7 * 86_400
/** A session that is refreshed for ever asks the wallet again after this long. */
const SESSION_LIFE = 30 * 86_400
const MOST_PER_ADDRESS = 20

export type Session = { id: string; address: Address; expiresAt: number }
export type Tokens = {
  address: Address
  accessToken: string
  accessExpiresAt: number
  refreshToken: string
  refreshExpiresAt: number
}

export type SessionsDeps = {
  store: SessionStore
  /** Whether `address` signed `message`; contract wallets (ERC-1271) included. Rejects when the chain does not answer. */
  verify(address: Address, message: string, signature: Hex): Promise<boolean>
  chainId: number
  /** The URL of this API as clients know it. */
  uri(): string
  /** Hosts whose pages may sign in. */
  domains(): readonly string[]
  /** What the message's `Resources` have to name, where one wallet signs in to many services; nothing by default. */
  resource?: string
  /** Unix milliseconds. */
  now?: () => number
}

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')
const tokenOf = (kind: 'dca' | 'dcr') => `${kind}_${randomBytes(32).toString('base64url')}`

export type Sessions = ReturnType<typeof makeSessions>

export const makeSessions = (deps: SessionsDeps) => {
  const { store, verify, chainId, uri, domains, resource, now = Date.now } = deps
  const nonces = makeNonces(now)
  const seconds = () => Math.floor(now() / 1_000)

  const issue = (session: Pick<StoredSession, 'id' | 'address' | 'endsAt'>, keep: KeepSession): Tokens => {
    const [accessToken, refreshToken] = [tokenOf('dca'), tokenOf('dcr')]
    const until = (life: number) => Math.min(seconds() + life, session.endsAt)
    const accessExpiresAt = until(ACCESS_LIFE)
    const refreshExpiresAt = until(REFRESH_LIFE)
    keep({
      ...session,
      ...{ accessHash: hashOf(accessToken), accessUntil: accessExpiresAt },
      ...{ refreshHash: hashOf(refreshToken), refreshUntil: refreshExpiresAt },
    })
    const address = getAddress(session.address)
    return { address, accessToken, accessExpiresAt, refreshToken, refreshExpiresAt }
  }

  return {
    /** What a client needs to write the message it signs. */
    nonce: () => {
      const { nonce, expiresAt } = nonces.make()
      return { nonce, uri: uri(), chainId, domains: [...domains()], expiresAt: Math.floor(expiresAt / 1_000) }
    },
    /** @throws DecloudError `sign-in-refused`, `nonce-invalid`, `signature-wrong`, `sign-in-busy`; those of `verify`. */
    login: async (message: string, signature: Hex): Promise<Tokens> => {
      const expected = { domains: domains(), uri: uri(), chainId, resource, now: now() }
      const { address, nonce } = readSignIn(message, expected)
      const giveBack = nonces.take(nonce)
      try {
        if (!(await verify(address, message, signature))) {
          throw new DecloudError('signature-wrong', `${address} did not sign this message.`, {
            hint: 'Sign it with that account.',
          })
        }
      } catch (error) {
        giveBack()
        throw error
      }
      store.sweep(seconds())
      const started = { id: randomUUID(), address: getAddress(address), endsAt: seconds() + SESSION_LIFE }
      return issue(started, (session) => store.add(session, MOST_PER_ADDRESS))
    },
    /**
     * The next pair of tokens for a refresh token, which is spent by it.
     * @throws DecloudError `session-unknown`; `session-reused` for a spent one: the session ends, whoever holds it.
     */
    refresh: (refreshToken: string): Tokens => {
      const hash = hashOf(refreshToken)
      const session = store.byRefresh(hash)
      if (session !== undefined && session.refreshUntil > seconds())
        return issue(session, (next) => store.rotate(next, hash))
      const reused = store.bySpentRefresh(hash)
      if (reused === undefined) throw unknown()
      store.remove(reused)
      throw new DecloudError('session-reused', 'This refresh token was used before: the session is closed.', {
        hint: 'Sign in again. If it was not you who used it, somebody else had it.',
      })
    },
    /** @throws DecloudError `session-unknown`. */
    authenticate: (accessToken: string): Session => {
      const session = store.byAccess(hashOf(accessToken))
      if (session === undefined || session.accessUntil <= seconds()) throw unknown()
      return { id: session.id, address: session.address, expiresAt: session.accessUntil }
    },
    /** The session of that id while its access token is good, however often it was refreshed; null for none. */
    find: (id: string): Session | null => {
      const session = store.byId(id)
      if (session === undefined || session.accessUntil <= seconds()) return null
      return { id: session.id, address: session.address, expiresAt: session.accessUntil }
    },
    logout: (id: string): void => store.remove(id),
  }
}

type KeepSession = (session: StoredSession) => void

const unknown = () =>
  new DecloudError('session-unknown', 'The token is unknown or has expired.', {
    hint: 'Refresh the session, or sign in again.',
  })
