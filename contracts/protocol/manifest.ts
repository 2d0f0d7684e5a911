// The sealed manifest: what a guest is made of, readable by its node, its tenant and nobody in between.
//
//   payload    = salt (32 bytes) ‖ canonical JSON of the manifest (RFC 8785)
//   commitment = keccak256(payload), signed by the tenant inside the terms
//   sealed     = 0x01 ‖ n ‖ n × (epoch u32 ‖ enc 32 ‖ wrapped key 48) ‖ iv 12 ‖ AES-256-GCM(payload)
//
// The content key is random, wrapped by HPKE (RFC 9180, base mode: DHKEM-X25519, HKDF-SHA256, AES-256-GCM) to each
// recipient. Associated data of every layer binds chain, escrow, lease, node and version, so a manifest lifted from
// one lease opens in no other. Randomness comes from the runtime's WebCrypto: sealing is the one impure function here.
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core'
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519'
import canonicalize from 'canonicalize'
import {
  type Address,
  bytesToHex,
  encodeAbiParameters,
  type Hex,
  hexToBytes,
  keccak256,
  numberToBytes,
} from 'viem'
import { z } from 'zod'
import { type Bytes, concat, fromUtf8, utf8 } from './bytes.ts'
import { DecloudError } from './errors.ts'
import { servicesSchema } from './readiness.ts'
import { MAX_SEALED_BYTES } from './sealed.ts'

export const MANIFEST_VERSION = 1
const MAX_RECIPIENTS = 16

const SALT = 32
const IV = 12
const ENC = 32
const WRAPPED = 48
const RECIPIENT = 4 + ENC + WRAPPED

const sshKey = z
  .string()
  .max(1_024)
  .regex(
    /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\r\n"]{0,200})?$/,
    'an SSH public key is one line such as "ssh-ed25519 AAAA… you@host"',
  )

/** The plaintext. Strict: an unknown field is an error at signing time, never ignored at boot. */
export const manifestSchema = z.strictObject({
  version: z.literal(MANIFEST_VERSION),
  /** Which base image, by its catalogue name. */
  image: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'an image is named in lower case, for example debian-12'),
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a hostname is lower-case letters, digits and dashes'),
  sshKeys: z.array(sshKey).max(16),
  /** SHA-512-crypt; the node never learns the password itself. */
  passwordHash: z
    .string()
    .regex(
      /^\$6\$(rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}$/,
      'a SHA-512-crypt hash begins with $6$',
    )
    .nullable(),
  variables: z.record(
    z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'a variable is named in capitals, for example DECLOUD_DOMAIN'),
    z
      .string()
      .max(4_096)
      .regex(/^[^\r\n\0]*$/, 'a value is one line: encode anything longer, for example in base64'),
  ),
  /** What the guest serves, and how its node tells that it does; a manifest without it is the older form, byte for byte. */
  services: servicesSchema.optional(),
})
export type Manifest = z.output<typeof manifestSchema>

/** What a sealed manifest is bound to. `node` is the registry index, 0 while the lease has none. */
export type ManifestContext = { chainId: number; escrow: Address; leaseId: Hex; node: number }

/** An X25519 public key of 32 bytes, and the epoch under which its owner keeps the private half. */
export type Recipient = { publicKey: Hex; epoch: number }

const suite = () =>
  new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })

const associatedData = (context: ManifestContext): Bytes =>
  concat(
    utf8('decloud manifest'),
    hexToBytes(
      encodeAbiParameters(
        [
          { type: 'uint8' },
          { type: 'uint256' },
          { type: 'address' },
          { type: 'bytes32' },
          { type: 'uint32' },
        ],
        [MANIFEST_VERSION, BigInt(context.chainId), context.escrow, context.leaseId, context.node],
      ),
    ),
  )

/** salt ‖ canonical JSON. `salt` is 32 random bytes that the tenant keeps no copy of: it travels inside. */
export const manifestPayload = (manifest: Manifest, salt: Hex): Bytes =>
  concat(hexToBytes(salt, { size: SALT }), utf8(canonicalize(manifest) as string))

/** The `manifestHash` that goes into the terms. */
export const manifestCommitment = (payload: Bytes): Hex => keccak256(payload)

/**
 * @param payload from `manifestPayload`.
 * @param recipients the node first, then the tenant and collaborators; 1 to 16.
 * @returns the sealed bytes, as they ride in the opening transaction.
 * @throws DecloudError `manifest-too-large`, `manifest-recipients`.
 */
export const sealManifest = async (
  payload: Bytes,
  context: ManifestContext,
  recipients: readonly Recipient[],
): Promise<Hex> => {
  if (recipients.length < 1 || recipients.length > MAX_RECIPIENTS) {
    throw new DecloudError(
      'manifest-recipients',
      `A manifest is sealed to 1–${MAX_RECIPIENTS} keys, not ${recipients.length}.`,
    )
  }
  const aad = associatedData(context)
  const contentKey = crypto.getRandomValues(new Uint8Array(32))
  const wrapped = await Promise.all(recipients.map((recipient) => wrap(recipient, contentKey, aad)))
  const iv = crypto.getRandomValues(new Uint8Array(IV))
  const key = await crypto.subtle.importKey('raw', contentKey, 'AES-GCM', false, ['encrypt'])
  const body = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: aad }, key, payload)
  const sealed = concat(
    Uint8Array.of(MANIFEST_VERSION, recipients.length),
    ...wrapped,
    iv,
    new Uint8Array(body),
  )
  if (sealed.length > MAX_SEALED_BYTES) {
    throw new DecloudError(
      'manifest-too-large',
      `The manifest seals to ${sealed.length} bytes, the most is ${MAX_SEALED_BYTES}.`,
      {
        hint: 'Shorten its variables or keep fewer keys.',
      },
    )
  }
  return bytesToHex(sealed)
}

const wrap = async (recipient: Recipient, contentKey: Bytes, aad: Bytes): Promise<Bytes> => {
  const kem = suite()
  const publicKey = await kem.kem.deserializePublicKey(
    hexToBytes(recipient.publicKey, { size: ENC }).buffer as ArrayBuffer,
  )
  const sender = await kem.createSenderContext({ recipientPublicKey: publicKey, info: aad.buffer })
  const key = await sender.seal(contentKey.buffer, aad.buffer)
  return concat(numberToBytes(recipient.epoch, { size: 4 }), new Uint8Array(sender.enc), new Uint8Array(key))
}

/**
 * Opens a sealed manifest and holds it against what the tenant signed.
 * @param commitment `terms.manifestHash`.
 * @param privateKey X25519 private key of 32 bytes; `epoch` the one it belongs to, to skip entries of other keys.
 * @throws DecloudError `manifest-malformed` (not this format), `manifest-not-for-us` (no entry opens with this key,
 *   or the manifest belongs to another lease), `manifest-commitment` (opens, but is not what the tenant signed),
 *   `manifest-invalid` (what the tenant signed is no manifest).
 */
export const openManifest = async (
  sealed: Hex,
  context: ManifestContext,
  commitment: Hex,
  key: { privateKey: Hex; epoch: number },
): Promise<Manifest> => {
  const parts = parseSealed(sealed)
  const aad = associatedData(context)
  const contentKey = await unwrapAny(parts.entries, key, aad)
  const payload = contentKey && (await decrypt(contentKey, parts.iv, parts.body, aad))
  if (!payload) {
    throw new DecloudError('manifest-not-for-us', 'The manifest is not sealed to this key for this lease.', {
      hint: "Sign again with the node's current sealing key.",
      details: { leaseId: context.leaseId, epoch: key.epoch },
    })
  }
  if (manifestCommitment(payload) !== commitment.toLowerCase()) {
    throw new DecloudError(
      'manifest-commitment',
      'The manifest opens, but it is not the one that the tenant signed.',
      {
        details: { leaseId: context.leaseId },
      },
    )
  }
  return parsePayload(payload)
}

type Entry = { epoch: number; enc: Bytes; wrapped: Bytes }

const parseSealed = (sealed: Hex): { entries: Entry[]; iv: Bytes; body: Bytes } => {
  const bytes = hexToBytes(sealed) as Bytes
  const count = bytes[1] ?? 0
  const header = 2 + count * RECIPIENT
  if (
    bytes[0] !== MANIFEST_VERSION ||
    count < 1 ||
    count > MAX_RECIPIENTS ||
    bytes.length > MAX_SEALED_BYTES ||
    bytes.length < header + IV + 16 + SALT
  ) {
    throw new DecloudError(
      'manifest-malformed',
      'These bytes are not a sealed manifest of a version known here.',
    )
  }
  const entries = Array.from({ length: count }, (_, i) => {
    const at = 2 + i * RECIPIENT
    return {
      epoch: new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0),
      enc: bytes.slice(at + 4, at + 4 + ENC),
      wrapped: bytes.slice(at + 4 + ENC, at + RECIPIENT),
    }
  })
  return { entries, iv: bytes.slice(header, header + IV), body: bytes.slice(header + IV) }
}

const unwrapAny = async (
  entries: readonly Entry[],
  key: { privateKey: Hex; epoch: number },
  aad: Bytes,
): Promise<Bytes | undefined> => {
  const kem = suite()
  const raw = hexToBytes(key.privateKey, { size: 32 }) as Bytes
  const privateKey = await kem.kem.importKey('raw', raw.buffer, false)
  for (const entry of entries) {
    if (entry.epoch !== key.epoch) continue
    try {
      const recipient = await kem.createRecipientContext({
        recipientKey: privateKey,
        enc: entry.enc.buffer,
        info: aad.buffer,
      })
      return new Uint8Array(await recipient.open(entry.wrapped.buffer, aad.buffer))
    } catch {
      // An entry of somebody else under the same epoch: HPKE says no more than "does not open". Try the next.
    }
  }
  return undefined
}

const decrypt = async (contentKey: Bytes, iv: Bytes, body: Bytes, aad: Bytes): Promise<Bytes | undefined> => {
  try {
    const key = await crypto.subtle.importKey('raw', contentKey, 'AES-GCM', false, ['decrypt'])
    return new Uint8Array(
      await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: aad }, key, body),
    )
  } catch {
    // WebCrypto reports a failed tag as a bare OperationError: the caller names it.
    return undefined
  }
}

const parsePayload = (payload: Bytes): Manifest => {
  let json: unknown
  try {
    json = JSON.parse(fromUtf8(payload.subarray(SALT)))
  } catch (cause) {
    throw new DecloudError('manifest-invalid', 'The signed manifest is not JSON.', { cause })
  }
  const parsed = manifestSchema.safeParse(json)
  if (!parsed.success) {
    throw new DecloudError(
      'manifest-invalid',
      `The signed manifest is not valid: ${z.prettifyError(parsed.error)}`,
    )
  }
  return parsed.data
}

/** A fresh X25519 pair, raw, for a node's sealing key. Not pure, like `sealManifest`. */
export const generateSealingKey = async (): Promise<{ publicKey: Hex; privateKey: Hex }> => {
  const { kem } = suite()
  const pair = await kem.generateKeyPair()
  return {
    publicKey: bytesToHex(new Uint8Array(await kem.serializePublicKey(pair.publicKey))),
    privateKey: bytesToHex(new Uint8Array(await kem.serializePrivateKey(pair.privateKey))),
  }
}
