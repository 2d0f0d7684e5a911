// What counts as an SSH public key here, for guests' authorized_keys and for certificates. Pure.

type PublicKey = {
  readonly type: string
  /** Base64, as in the line. */
  readonly blob: string
}
type Read = { readonly key: PublicKey } | { readonly problem: string }

/** Of RSA; below it NIST SP 800-131A disallows signatures, and OpenSSH's own default for new keys is 3072. */
const LEAST_RSA_BITS = 2_048
/** Longer than an RSA key of 16384 bits, the most that OpenSSH takes. */
const LONGEST = 4_096

const problem = (text: string): Read => ({ problem: text })

/** Type and key of a line that has been found good. */
export const withoutComment = (line: string): string =>
  line
    .trim()
    .split(/[ \t]+/)
    .slice(0, 2)
    .join(' ')

/** A reader of RFC 4251's strings; null once the bytes do not hold what they promise. */
const reader = (bytes: Buffer) => {
  let at = 0
  return {
    string: (): Buffer | null => {
      if (at + 4 > bytes.length) return null
      const end = at + 4 + bytes.readUInt32BE(at)
      if (end > bytes.length) return null
      const part = bytes.subarray(at + 4, end)
      at = end
      return part
    },
    done: () => at === bytes.length,
  }
}
type Reader = ReturnType<typeof reader>

const DAMAGED = 'is damaged: what it says of itself does not fit its bytes; copy the whole line again'

/** Bits of a multiple precision integer that is not negative. */
const bitsOf = (integer: Buffer): number => {
  const first = integer.findIndex((byte) => byte !== 0)
  return first === -1 ? 0 : (integer.length - first) * 8 - Math.clz32(integer[first] ?? 0) + 24
}

const rsa = (fields: Reader): string | null => {
  const [exponent, modulus] = [fields.string(), fields.string()]
  if (exponent === null || modulus === null) return DAMAGED
  const odd = (part: Buffer) => ((part.at(-1) ?? 0) & 1) === 1
  if (!odd(exponent) || bitsOf(exponent) < 2 || !odd(modulus) || (modulus[0] ?? 0x80) >= 0x80) return DAMAGED
  const bits = bitsOf(modulus)
  if (bits >= LEAST_RSA_BITS) return null
  return `is an RSA key of ${bits} bits, too weak: make one with at least ${LEAST_RSA_BITS}, or with ssh-keygen -t ed25519`
}

const curve =
  (name: string, bytes: number) =>
  (fields: Reader): string | null => {
    const [said, point] = [fields.string(), fields.string()]
    if (said?.toString('latin1') !== name || point === null) return DAMAGED
    return point.length === 2 * bytes + 1 && point[0] === 4 ? null : DAMAGED
  }

const ed25519 = (fields: Reader): string | null => (fields.string()?.length === 32 ? null : DAMAGED)

/** Of a hardware token: which application it answers to follows the key itself. */
const onToken = (check: (fields: Reader) => string | null) => (fields: Reader) =>
  check(fields) ?? (fields.string() === null ? DAMAGED : null)

/** @returns what is wrong with the fields after the type; null for nothing. */
const TYPES: Readonly<Record<string, (fields: Reader) => string | null>> = {
  'ssh-ed25519': ed25519,
  'ssh-rsa': rsa,
  'ecdsa-sha2-nistp256': curve('nistp256', 32),
  'ecdsa-sha2-nistp384': curve('nistp384', 48),
  'ecdsa-sha2-nistp521': curve('nistp521', 66),
  'sk-ssh-ed25519@openssh.com': onToken(ed25519),
  'sk-ecdsa-sha2-nistp256@openssh.com': onToken(curve('nistp256', 32)),
}

/**
 * Type and key of one line; its comment is dropped.
 * @returns or what is wrong with it, to be read after "the key …".
 */
export const readPublicKey = (line: string): Read => {
  const text = line.trim()
  if (text === '') return problem('is missing')
  if (text.includes('PRIVATE KEY')) {
    return problem('is a private one: keep it to yourself, make another, and give the .pub file of that')
  }
  if (/[\r\n]/.test(text)) return problem('is more than one line')
  if (text.length > LONGEST) return problem(`is longer than ${LONGEST} characters`)
  const [type = '', blob = ''] = text.split(/[ \t]+/)
  if (type.endsWith('-cert-v01@openssh.com')) {
    return problem('is a certificate: give the public key that it was made of')
  }
  if (type === 'ssh-dss') return problem('is a DSA key, which no SSH server takes any more')
  const check = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined
  if (check === undefined) {
    return problem(
      'is not one OpenSSH public key, such as ssh-ed25519 AAAA…; options in front of it are not taken',
    )
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(blob)) return problem(DAMAGED)
  const fields = reader(Buffer.from(blob, 'base64'))
  if (fields.string()?.toString('latin1') !== type) return problem(DAMAGED)
  const wrong = check(fields) ?? (fields.done() ? null : DAMAGED)
  return wrong === null ? { key: { type, blob } } : problem(wrong)
}
