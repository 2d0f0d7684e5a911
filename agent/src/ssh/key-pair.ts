// Ed25519 key pairs in OpenSSH's own files. The runtime makes them; only the container is written here, after OpenSSH's
// PROTOCOL.key. The npm package ssh2 could write it too, but strips zero bytes from the front of a key: one in 256 of its
// Ed25519 keys cannot be read back.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { KeyPair } from '../ports/lease-keys.ts'

const TYPE = 'ssh-ed25519'
const LABEL = 'OPENSSH PRIVATE KEY'

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const string = (part: Buffer | string): Buffer => {
  const bytes = Buffer.from(part)
  return Buffer.concat([uint32(bytes.length), bytes])
}

export const makeKeyPair = (): KeyPair => {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const point = Buffer.from(jwk.x ?? '', 'base64url')
  const secret = Buffer.from(jwk.d ?? '', 'base64url')
  const blob = Buffer.concat([string(TYPE), string(point)])
  const check = randomBytes(4)
  const section = Buffer.concat([check, check, blob, string(Buffer.concat([secret, point])), string('')])
  // Unencrypted keys are padded to eight bytes with 1, 2, 3 …
  const padding = Buffer.from(Array.from({ length: (8 - (section.length % 8)) % 8 }, (_, i) => i + 1))
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[string('none'), string('none'), string(''), uint32(1), string(blob)],
    string(Buffer.concat([section, padding])),
  ])
  const lines = file.toString('base64').match(/.{1,70}/g) ?? []
  return {
    publicKey: `${TYPE} ${blob.toString('base64')}`,
    privateKey: `-----BEGIN ${LABEL}-----\n${lines.join('\n')}\n-----END ${LABEL}-----\n`,
  }
}
