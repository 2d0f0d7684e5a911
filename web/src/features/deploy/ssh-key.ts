// Reads what a person pasted as "my SSH key" and says precisely what is wrong with it. Pure.
import { DecloudError } from '@decloud/protocol/errors'
import { sha256 } from 'viem'
import { fingerprintText } from '../../data/fingerprint.ts'

export type SshKey = {
  /** type, base64 and comment, single-spaced, as it goes into the manifest. */
  line: string
  type: string
  /** As `ssh-keygen -l` prints it. */
  fingerprint: string
  comment: string
}

const TYPES: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
])
const MIN_RSA_BITS = 2_048
const MAX_LINE = 1_024

/** @throws DecloudError `ssh-key-missing`, `ssh-key-private`, `ssh-key-many`, `ssh-key-invalid`, `ssh-key-weak`. */
export const parseSshKey = (text: string): SshKey => {
  const trimmed = text.trim()
  if (trimmed === '') {
    throw new DecloudError('ssh-key-missing', 'Paste your SSH public key.', {
      hint: 'It is in ~/.ssh/id_ed25519.pub; `ssh-keygen -t ed25519` makes one.',
    })
  }
  if (trimmed.includes('PRIVATE KEY')) {
    throw new DecloudError('ssh-key-private', 'That is a private key: never paste it anywhere.', {
      hint: 'Paste the one line of the file that ends in .pub.',
    })
  }
  if (/[\r\n]/.test(trimmed)) {
    throw new DecloudError('ssh-key-many', 'That is more than one line.', {
      hint: 'Paste one public key, without line breaks.',
    })
  }
  const [type = '', body = '', ...comment] = trimmed.split(/\s+/)
  if (!TYPES.has(type)) {
    throw invalid('It does not begin with a known key type such as ssh-ed25519.')
  }
  const blob = decodeBase64(body)
  if (blob === undefined) throw invalid('Its middle part is not complete base64: it was cut off in copying.')
  checkBlob(type, blob)
  const line = [type, body, ...comment].join(' ').replaceAll('"', '')
  if (line.length > MAX_LINE) throw invalid(`It is longer than ${MAX_LINE} characters; use an Ed25519 key.`)
  return { line, type, fingerprint: fingerprintText(sha256(blob, 'bytes')), comment: comment.join(' ') }
}

const invalid = (message: string) =>
  new DecloudError('ssh-key-invalid', message, {
    hint: 'A public key is one line, for example "ssh-ed25519 AAAA… you@laptop".',
  })

const decodeBase64 = (text: string): Uint8Array | undefined => {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return undefined
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

// RFC 4253 § 6.6: a key blob is a sequence of length-prefixed strings, the first of which repeats the type.
const checkBlob = (type: string, blob: Uint8Array) => {
  const parts = stringsOf(blob)
  if (parts === undefined) throw invalid('It is incomplete: it was cut off in copying.')
  if (new TextDecoder().decode(parts[0]) !== type) {
    throw invalid('Its type and its content do not belong together.')
  }
  if (type === 'ssh-ed25519' && parts[1]?.length !== 32) {
    throw invalid('An Ed25519 key holds 32 bytes; this one does not.')
  }
  if (type === 'ssh-rsa' && ((parts[2]?.length ?? 0) - 1) * 8 < MIN_RSA_BITS) {
    throw new DecloudError('ssh-key-weak', `An RSA key needs at least ${MIN_RSA_BITS} bits.`, {
      hint: '`ssh-keygen -t ed25519` makes a stronger and shorter one.',
    })
  }
}

const stringsOf = (blob: Uint8Array): Uint8Array[] | undefined => {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  const parts: Uint8Array[] = []
  let at = 0
  while (at < blob.length) {
    if (at + 4 > blob.length) return undefined
    const length = view.getUint32(at)
    if (at + 4 + length > blob.length) return undefined
    parts.push(blob.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return parts.length < 2 ? undefined : parts
}
