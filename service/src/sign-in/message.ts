// Whether an EIP-4361 message asks for a session here: a pure function of the message and of what this service expects.
import { DecloudError } from '@decloud/protocol'
import type { Address } from 'viem'
import { parseSiweMessage } from 'viem/siwe'

export type SignInExpectation = {
  /** Hosts whose pages may ask; `localhost:*` allows any port. */
  domains: readonly string[]
  uri: string
  chainId: number
  /** Has to be among the message's resources; nothing when there is none. */
  resource?: string | undefined
  /** Unix milliseconds. */
  now: number
}

/** Clocks of wallets differ. */
const SKEW_MS = 60_000

// viem reads the fields wherever they stand. Anchored, nothing can hide before, between or after them.
const WHOLE =
  /^(?:[a-zA-Z][a-zA-Z0-9+.-]*:\/\/)?[^\s/]+ wants you to sign in with your Ethereum account:\n0x[a-fA-F0-9]{40}\n\n(?:[^\n]*\n)?\nURI: [^\n]+\nVersion: 1\nChain ID: \d+\nNonce: [a-zA-Z0-9]+\nIssued At: [^\n]+(?:\nExpiration Time: [^\n]+)?(?:\nNot Before: [^\n]+)?(?:\nRequest ID: [^\n]*)?(?:\nResources:(?:\n- [^\n]+)*)?$/

const refused = (message: string) =>
  new DecloudError('sign-in-refused', message, { hint: 'Ask for a nonce and sign a new message.' })

const isAllowedDomain = (domain: string, allowed: readonly string[]): boolean =>
  allowed.some(
    (one) =>
      one === domain ||
      (one.endsWith(':*') && domain.replace(/:\d{1,5}$/, '') === one.slice(0, -':*'.length)),
  )

/**
 * @returns who wants in, and with which nonce; the signature and the nonce are for the caller to check.
 * @throws DecloudError `sign-in-refused`.
 */
export const readSignIn = (
  message: string,
  { domains, uri, chainId, resource, now }: SignInExpectation,
): { address: Address; nonce: string } => {
  if (!WHOLE.test(message)) throw refused('The message is not one of EIP-4361.')
  const fields = parseSiweMessage(message)
  const { address, domain, nonce } = fields
  if (address === undefined || domain === undefined || nonce === undefined)
    throw refused('The message is not one of EIP-4361.')
  if (!isAllowedDomain(domain, domains)) throw refused(`Pages of ${domain} may not sign in here.`)
  if (fields.uri !== uri) throw refused(`The message is for ${fields.uri ?? 'no one'}; this is ${uri}.`)
  if (fields.chainId !== chainId)
    throw refused(`The message is for chain ${fields.chainId ?? 0}; this is ${chainId}.`)
  if (resource !== undefined && fields.resources?.includes(resource) !== true)
    throw refused(`The message does not name ${resource} among its resources.`)
  checkTimes(fields, now)
  return { address, nonce }
}

const checkTimes = (fields: ReturnType<typeof parseSiweMessage>, now: number): void => {
  const { issuedAt, expirationTime, notBefore } = fields
  for (const time of [issuedAt, expirationTime, notBefore]) {
    if (time !== undefined && Number.isNaN(time.getTime()))
      throw refused('A time in the message is not RFC 3339.')
  }
  if (issuedAt === undefined || issuedAt.getTime() > now + SKEW_MS)
    throw refused('The message was issued in the future: check the clock.')
  if (expirationTime !== undefined && expirationTime.getTime() <= now)
    throw refused('The message has expired.')
  if (notBefore !== undefined && notBefore.getTime() > now + SKEW_MS)
    throw refused('The message is not valid yet.')
}
