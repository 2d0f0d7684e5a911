// Certificates of a lease's own authority, encoded and signed by OpenSSH's ssh-keygen.
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Address, Hex } from 'viem'
import { runTool } from '../disk/files.ts'
import { AgentError } from '../lib/errors.ts'
import { StorageError } from '../ports/storage.ts'
import { readPublicKey } from './public-key.ts'

/** Seconds. */
const LIFE = 3_600
/** Seconds that the clock of a guest may be behind. */
const SKEW = 60
const SIGN_MS = 15_000

/** In a certificate and in the guest's list for its one user: no other guest knows the name. */
export const principalOf = (leaseId: Hex): string => leaseId.toLowerCase()

export type CertificateOrder = {
  readonly leaseId: Hex
  /** Whoever asked for it. */
  readonly wallet: Address
  /** One line, as `ssh-keygen` prints it. */
  readonly publicKey: string
  readonly nowMs: number
  /** By default the lease's own. */
  readonly principal?: string
}

export type Certificate = {
  /** One line, for a file that is named like the key with `-cert.pub`. */
  readonly certificate: string
  /** What sshd writes to the guest's log at each login. */
  readonly keyId: string
  /** Decimal: 64 bits. The time of issue comes first, so later ones are greater. */
  readonly serial: string
  readonly principals: string[]
  /** Unix seconds. */
  readonly validAfter: number
  readonly validBefore: number
}

/**
 * @param authorityFile the private key that signs, mode 0600.
 * @param scratch a folder that only this user may enter.
 * @throws AgentError `ssh-key-refused` with what is wrong with the key, `ssh-keygen-missing`, `ssh-signing`.
 */
export const issueCertificate = async (
  authorityFile: string,
  scratch: string,
  { leaseId, wallet, publicKey, nowMs, principal = principalOf(leaseId) }: CertificateOrder,
): Promise<Certificate> => {
  const read = readPublicKey(publicKey)
  if ('problem' in read) throw refused(read.problem)
  const now = Math.floor(nowMs / 1_000)
  const issued = {
    keyId: `wallet=${wallet} lease=${leaseId.toLowerCase()}`,
    serial: serialAt(nowMs),
    principals: [principal],
    validAfter: now - SKEW,
    validBefore: now + LIFE,
  }
  const folder = await mkdtemp(join(scratch, '.certificate-'))
  try {
    const file = join(folder, 'key.pub')
    await writeFile(file, `${read.key.type} ${read.key.blob}\n`)
    await sign(authorityFile, file, issued)
    const line = (await readFile(join(folder, 'key-cert.pub'), 'utf8')).trim()
    return { certificate: line.split(' ').slice(0, 2).join(' '), ...issued }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const refused = (why: string) => new AgentError('ssh-key-refused', `The key ${why}.`)

/** 41 bits of milliseconds, then 20 that nobody can guess: unique without a counter that a crash could take back. */
const serialAt = (nowMs: number): string =>
  String((BigInt(nowMs) << 20n) | BigInt(randomBytes(3).readUIntBE(0, 3) & 0xfffff))

const sign = async (
  authorityFile: string,
  file: string,
  { keyId, serial, principals, validAfter, validBefore }: Omit<Certificate, 'certificate'>,
) => {
  const args = [
    ...['-q', '-s', authorityFile, '-I', keyId, '-z', serial, '-n', principals.join(',')],
    ...['-V', `0x${validAfter.toString(16)}:0x${validBefore.toString(16)}`],
    // A terminal and forwarded ports, as people expect of their own machine. No agent: whoever rules the machine could
    // use the keys in it.
    ...['-O', 'clear', '-O', 'permit-pty', '-O', 'permit-port-forwarding'],
    file,
  ]
  try {
    await runTool('ssh-keygen', args, SIGN_MS)
  } catch (cause) {
    if (!(cause instanceof StorageError)) throw cause
    const { code, stderr = '' } = (cause.cause ?? {}) as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') {
      throw new AgentError('ssh-keygen-missing', 'The node has no ssh-keygen to make certificates with.', {
        hint: "Its operator has to install Debian's openssh-client.",
        cause,
      })
    }
    // What only its own arithmetic can tell, such as a point that is not on its curve.
    if (stderr.includes(file)) throw refused('is none that OpenSSH takes')
    throw new AgentError('ssh-signing', 'The certificate could not be signed.', { cause })
  }
}
