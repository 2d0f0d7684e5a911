import { createPrivateKey, createPublicKey } from 'node:crypto'
import { bytesToHex, type Hex } from 'viem'

// DER prefix of a PKCS #8 X25519 private key (RFC 8410); the 32 raw bytes follow.
const PKCS8_PREFIX = '302e020100300506032b656e04220420'

/** @param privateKey 32 raw bytes. @returns the public half, 32 raw bytes. */
export const x25519PublicKey = (privateKey: Hex): Hex => {
  const der = Buffer.from(PKCS8_PREFIX + privateKey.slice(2), 'hex')
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  return bytesToHex(key.export({ format: 'der', type: 'spki' }).subarray(-32))
}
