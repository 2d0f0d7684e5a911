// Nonces that need no memory until one is used: each carries its time and is authenticated by a key that lives as long as
// this process. Strangers asking for nonces cost nothing; only those that signed well are remembered, until they expire.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { DecloudError } from '@decloud/protocol'

/** Seconds. */
const NONCE_LIFE = 300
/** Sign-ins that can be under way or done within the life of a nonce. */
const MOST_USED = 10_000

const TIME_BYTES = 6
const RANDOM_BYTES = 10
const MAC_BYTES = 16
const BODY_BYTES = TIME_BYTES + RANDOM_BYTES

/** @param now unix milliseconds. */
export const makeNonces = (now: () => number) => {
  const key = randomBytes(32)
  /** Nonce → unix ms at which it expires; in the order of their use. */
  const used = new Map<string, number>()
  const macOf = (body: Buffer) => createHmac('sha256', key).update(body).digest().subarray(0, MAC_BYTES)

  const expiryOf = (nonce: string): number | null => {
    if (!/^[0-9a-f]{64}$/.test(nonce)) return null
    const bytes = Buffer.from(nonce, 'hex')
    const body = bytes.subarray(0, BODY_BYTES)
    if (!timingSafeEqual(macOf(body), bytes.subarray(BODY_BYTES))) return null
    return body.readUIntBE(0, TIME_BYTES)
  }

  const forgetExpired = () => {
    for (const [nonce, expiry] of used) if (expiry <= now()) used.delete(nonce)
  }

  return {
    /** @returns 64 hex digits, and the unix ms at which they expire. */
    make: () => {
      const expiresAt = now() + NONCE_LIFE * 1_000
      const body = Buffer.concat([Buffer.alloc(TIME_BYTES), randomBytes(RANDOM_BYTES)])
      body.writeUIntBE(expiresAt, 0, TIME_BYTES)
      return { nonce: Buffer.concat([body, macOf(body)]).toString('hex'), expiresAt }
    },
    /**
     * Takes a nonce: nobody else can, until it is given back.
     * @returns how to give it back, for a signature that turned out to be wrong.
     * @throws DecloudError `nonce-invalid`, `sign-in-busy`.
     */
    take: (nonce: string): (() => void) => {
      const expiry = expiryOf(nonce)
      if (expiry === null || expiry <= now() || used.has(nonce)) {
        throw new DecloudError('nonce-invalid', 'The nonce is unknown, used or older than five minutes.', {
          hint: 'Ask for a new one and sign again.',
        })
      }
      if (used.size >= MOST_USED) forgetExpired()
      if (used.size >= MOST_USED) {
        throw new DecloudError('sign-in-busy', 'Too many sign-ins at this moment.', {
          hint: 'Try again in a minute.',
        })
      }
      used.set(nonce, expiry)
      return () => used.delete(nonce)
    },
  }
}
