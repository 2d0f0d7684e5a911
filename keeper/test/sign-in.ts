// A wallet that signs in to a keeper, as a dApp does it.
import { type ApiSession, sessionSchema, signInSchema } from '@decloud/protocol/wire/session'
import type { Address } from 'viem'
import type { HDAccount } from 'viem/accounts'
import { createSiweMessage } from 'viem/siwe'

export const post = async (url: string, path: string, body?: object) => {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  // Tests read what they expect of a body; a wrong shape fails there.
  return { status: response.status, body: (await response.json()) as Record<string, never> }
}

/** Asks for a nonce. @returns the fields of the message to sign, for a page on this machine. */
export const askToSignIn = async (url: string, address: Address) => {
  const { uri, chainId, nonce } = signInSchema.parse((await post(url, '/api/session/nonce')).body)
  return { address, domain: 'localhost:5173', uri, version: '1', chainId, nonce } as const
}

export const signIn = async (
  url: string,
  account: Pick<HDAccount, 'address' | 'signMessage'>,
): Promise<ApiSession> => {
  const message = createSiweMessage(await askToSignIn(url, account.address))
  const signature = await account.signMessage({ message })
  return sessionSchema.parse((await post(url, '/api/session/login', { message, signature })).body)
}
