// Web3 Secret Storage, version 3 (scrypt, AES-128-CTR, Keccak-256 over key half and ciphertext): what geth, Foundry and
// most wallets read and write. The key exists in clear only in this process's memory; nothing here logs.
import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  randomUUID,
  scrypt,
  timingSafeEqual,
} from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { DecloudError } from '@decloud/protocol'
import { type Hex, hexToBytes, isHex, keccak256, type LocalAccount, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { z } from 'zod'

const hexText = z.string().regex(/^([0-9a-fA-F]{2})*$/)
const keystoreSchema = z.object({
  version: z.literal(3),
  crypto: z.object({
    cipher: z.literal('aes-128-ctr'),
    ciphertext: hexText,
    cipherparams: z.object({ iv: hexText }),
    kdf: z.literal('scrypt'),
    kdfparams: z.object({
      dklen: z.literal(32),
      // Bounds: a file that asks for more memory than a machine has is not a keystore.
      n: z
        .int()
        .min(2)
        .max(1 << 20),
      r: z.int().min(1).max(32),
      p: z.int().min(1).max(16),
      salt: hexText,
    }),
    mac: hexText,
  }),
})

const derive = (password: string, salt: Buffer, n: number, r: number, p: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, 32, { N: n, r, p, maxmem: 130 * n * r + 1_000_000 }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })

// OpenSSL takes only parameters inside scrypt's definition (N < 2^(16·r)); some old files lie outside.
const deriveChecked = (
  password: string,
  kdf: { salt: string; n: number; r: number; p: number },
): Promise<Buffer> =>
  derive(password, Buffer.from(kdf.salt, 'hex'), kdf.n, kdf.r, kdf.p).catch((cause: unknown) => {
    throw new DecloudError(
      'keystore-malformed',
      'The scrypt parameters of the keystore cannot be used here.',
      {
        hint: 'Import the key anew with a current geth or cast.',
        cause,
      },
    )
  })

const macOf = (derived: Buffer, ciphertext: Buffer): Buffer =>
  Buffer.from(keccak256(Buffer.concat([derived.subarray(16, 32), ciphertext]), 'bytes'))

/** @param cost scrypt N; 2^17 (128 MiB, about half a second) by default. */
export const encryptKey = async (privateKey: Hex, password: string, cost = 1 << 17): Promise<string> => {
  const salt = randomBytes(32)
  const iv = randomBytes(16)
  const derived = await derive(password, salt, cost, 8, 1)
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv)
  const ciphertext = Buffer.concat([cipher.update(hexToBytes(privateKey)), cipher.final()])
  return JSON.stringify({
    version: 3,
    id: randomUUID(),
    address: privateKeyToAccount(privateKey).address.slice(2).toLowerCase(),
    crypto: {
      cipher: 'aes-128-ctr',
      ciphertext: ciphertext.toString('hex'),
      cipherparams: { iv: iv.toString('hex') },
      kdf: 'scrypt',
      kdfparams: { dklen: 32, n: cost, r: 8, p: 1, salt: salt.toString('hex') },
      mac: macOf(derived, ciphertext).toString('hex'),
    },
  })
}

/** @throws DecloudError `keystore-malformed` or `keystore-password-wrong`. */
export const decryptKey = async (text: string, password: string): Promise<Hex> => {
  const parsed = keystoreSchema.safeParse(jsonOf(text))
  if (!parsed.success) {
    throw new DecloudError('keystore-malformed', 'The keystore is not a version 3 keystore with scrypt.', {
      hint: 'Make one with geth or with cast wallet import.',
    })
  }
  const { ciphertext, cipherparams, kdfparams, mac } = parsed.data.crypto
  const derived = await deriveChecked(password, kdfparams)
  const sealed = Buffer.from(ciphertext, 'hex')
  const expected = macOf(derived, sealed)
  const given = Buffer.from(mac, 'hex')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new DecloudError('keystore-password-wrong', 'The password does not open the keystore.', {
      hint: 'Give the one that this keystore was made with; nothing was changed.',
    })
  }
  const decipher = createDecipheriv(
    'aes-128-ctr',
    derived.subarray(0, 16),
    Buffer.from(cipherparams.iv, 'hex'),
  )
  return toHex(Buffer.concat([decipher.update(sealed), decipher.final()]))
}

export type KeySource = { keystore: string; password: string } | { privateKey: string }

/**
 * The account of a keystore file, or of a bare key (tests and local chains).
 * @throws DecloudError `keystore-missing`, `keystore-malformed`, `keystore-password-wrong` or `key-malformed`.
 */
export const loadKey = async (source: KeySource): Promise<LocalAccount> => {
  if ('privateKey' in source) return accountOf(source.privateKey)
  const text = await readFile(source.keystore, 'utf8').catch((cause: unknown) => {
    throw new DecloudError('keystore-missing', `The keystore ${source.keystore} cannot be read.`, {
      hint: 'Check the path and that this user may read it.',
      cause,
    })
  })
  return accountOf(await decryptKey(text, source.password))
}

/** Writes a new keystore, readable by its owner only. @throws DecloudError `keystore-exists`: it never overwrites. */
export const saveKey = async (
  path: string,
  privateKey: Hex,
  password: string,
  cost?: number,
): Promise<void> => {
  const text = await encryptKey(privateKey, password, cost)
  await writeFile(path, text, { mode: 0o600, flag: 'wx' }).catch((cause: unknown) => {
    throw new DecloudError('keystore-exists', `The keystore ${path} cannot be written.`, {
      hint: 'An existing keystore is never overwritten: choose another path.',
      cause,
    })
  })
}

const accountOf = (privateKey: string): LocalAccount => {
  if (!isHex(privateKey) || privateKey.length !== 66) {
    throw new DecloudError('key-malformed', 'The private key is not 0x and 64 hex digits.')
  }
  return privateKeyToAccount(privateKey)
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: the schema refuses it with the one sentence for all malformed files.
    return undefined
  }
}
