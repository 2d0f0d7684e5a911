// Signing in with a wallet (EIP-4361), where something private is read. Tokens go in `Authorization: Bearer`.
import { z } from 'zod'
import { addressText, hexText } from './api/values.ts'

export const signInSchema = z.object({
  /** Alphanumeric, used once, for the message's `Nonce`. */
  nonce: z.string(),
  /** The message's `URI`: this keeper, so that no other can use the signature. */
  uri: z.string(),
  chainId: z.int(),
  /** Hosts whose pages may sign in; the message's domain must be one of them. `*` in a port's place is any port. */
  domains: z.array(z.string()),
  /** Unix seconds until which the nonce is taken. */
  expiresAt: z.int(),
})

export const loginSchema = z.strictObject({
  message: z.string().min(1).max(2_000).describe('The EIP-4361 message, exactly as it was signed'),
  // A contract wallet's signature is as long as its contract wants it.
  signature: hexText.refine((text) => text.length <= 8_194, 'at most 4096 bytes'),
})

/** Opaque; the prefix tells what it is for. */
const tokenText = z.string().regex(/^dc[ar]_[A-Za-z0-9_-]{43}$/, 'a token of this API')
export const refreshSchema = z.strictObject({ refreshToken: tokenText })

export const sessionSchema = z.object({
  address: addressText,
  accessToken: tokenText,
  /** Unix seconds. */
  accessExpiresAt: z.int(),
  /** Works once: each use gives the next. A second use ends the session. */
  refreshToken: tokenText,
  refreshExpiresAt: z.int(),
})
export type ApiSession = z.output<typeof sessionSchema>

export const whoSchema = z.object({ address: addressText, expiresAt: z.int() })
