// Who a process is among its peers: an Ed25519 key of its own, made once. It guards no money and signs no beat; it is
// kept so that others find the same peer at the same address after a restart.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import { generateKeyPair, privateKeyFromRaw } from '@libp2p/crypto/keys'

export type PeerKey = Awaited<ReturnType<typeof generateKeyPair>>

const RAW_BYTES = 64

/**
 * Reads the key in `path`, or makes one there that only its owner may read.
 * @throws DecloudError `peer-key-unusable`.
 */
export const loadPeerKey = async (path: string): Promise<PeerKey> => {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw unusable(path, 'cannot be read', cause)
  })
  return text === null ? create(path) : parse(path, text)
}

const create = async (path: string): Promise<PeerKey> => {
  const key = await generateKeyPair('Ed25519')
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(path, `${Buffer.from(key.raw).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
    return key
  } catch (cause) {
    throw unusable(path, 'cannot be written', cause)
  }
}

const parse = async (path: string, text: string): Promise<PeerKey> => {
  const raw = Buffer.from(text.trim(), 'hex')
  if (raw.length !== RAW_BYTES) throw unusable(path, 'does not hold an Ed25519 key')
  // Restored from a backup it may have become readable.
  await chmod(path, 0o600).catch((cause: unknown) => {
    throw unusable(path, 'cannot be kept private', cause)
  })
  try {
    return privateKeyFromRaw(raw)
  } catch (cause) {
    throw unusable(path, 'does not hold an Ed25519 key', cause)
  }
}

const unusable = (path: string, why: string, cause?: unknown) =>
  new DecloudError('peer-key-unusable', `The peer key ${path} ${why}.`, {
    hint: 'Check the folder and its permissions. A lost key may be replaced: remove the file, and tell those who dial its address.',
    cause,
  })
