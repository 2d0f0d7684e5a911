// Into a guest with a certificate that its node issues to the wallet: for the lease's tenant and for whom it let in.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DecloudError } from '@decloud/protocol'
import { type SshCertificate, sshCertificateSchema } from '@decloud/protocol/wire/ssh'
import type { Hex } from 'viem'
import { type Signer, sessionAt } from './node-session.ts'
import { readLease } from './tenant.ts'
import { checkHostKey, endpointOf, knownHostsLine } from './tenant-view.ts'

type SshEntry = SshCertificate & { ssh: NonNullable<SshCertificate['ssh']> }

/**
 * Asks the node for a certificate, and holds the host key that it names against the fingerprint on chain.
 * @param publicKey one line; a private key is refused here and sent nowhere.
 * @throws DecloudError `private-key`, `node-silent`, `guest-absent`, `host-key-mismatch`,
 *   `host-key-unposted`; and what the node refuses.
 */
export const getCertificate = async (signer: Signer, leaseId: Hex, publicKey: string): Promise<SshEntry> => {
  if (publicKey.includes('PRIVATE KEY')) {
    throw new DecloudError('private-key', 'That is a private key: it was not sent anywhere.', {
      hint: 'Name the .pub file beside it.',
    })
  }
  const { node } = await readLease(signer, leaseId)
  const endpoint = await endpointOf(signer, node)
  if (endpoint === null) {
    throw new DecloudError('node-silent', `Node ${node} has announced no endpoint.`, {
      hint: 'Log in with a key of the manifest; ask the operator for the address.',
    })
  }
  const path = `/v1/leases/${leaseId}/ssh-certificate`
  const answer = sshCertificateSchema.parse(
    await sessionAt(signer, endpoint, node).ask(path, { publicKey: publicKey.trim() }),
  )
  const { ssh } = answer
  if (ssh === null) {
    throw new DecloudError('guest-absent', 'The machine has not reported itself since it was last started.', {
      hint: 'Look at the status of the lease; start it if it is stopped.',
    })
  }
  if (!(await checkHostKey(signer.chain, leaseId, ssh))) {
    throw new DecloudError('host-key-unposted', 'The chain shows no SSH host key of this machine yet.', {
      hint: 'It does once the lease is active; until then nothing says that it is this machine that answers.',
    })
  }
  return { ...answer, ssh }
}

/** `<name>-cert.pub` beside `<name>.pub`: where ssh looks for it by itself. */
export const certificatePath = (publicKeyPath: string): string =>
  `${publicKeyPath.replace(/\.pub$/, '')}-cert.pub`

type LoginOptions = { key: string; certificate: string; knownHosts: string }

/** What makes ssh enter by this certificate alone, and believe in this host key alone. */
const loginArguments = ({ ssh }: SshEntry, files: LoginOptions): string[] => {
  const options = {
    IdentityFile: files.key,
    CertificateFile: files.certificate,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: files.knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    HostKeyAlgorithms: 'ssh-ed25519',
  }
  return [
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...['-p', String(ssh.port), `${ssh.user}@${ssh.host}`],
  ]
}

type Ran = { exitCode: number; stdout: string; stderr: string }

/**
 * One login with a key that is made for it and gone afterwards.
 * @param capture instead of the terminal's own streams.
 * @returns ssh's exit code: that of the command, or 255 for its own failure.
 */
export const logIn = async (
  signer: Signer,
  leaseId: Hex,
  command: readonly string[],
  { capture = false } = {},
): Promise<Ran & { serial: string }> => {
  const folder = await mkdtemp(join(tmpdir(), 'decloud-ssh-'))
  try {
    const key = join(folder, 'key')
    await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', leaseId, '-f', key])
    const entry = await getCertificate(signer, leaseId, await readFile(`${key}.pub`, 'utf8'))
    const files = { key, certificate: certificatePath(`${key}.pub`), knownHosts: join(folder, 'known_hosts') }
    await writeFile(files.certificate, `${entry.certificate}\n`)
    await writeFile(files.knownHosts, `${knownHostsLine(entry.ssh)}\n`)
    const child = spawn('ssh', [...loginArguments(entry, files), ...command], {
      stdio: capture ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    })
    return { ...(await outcomeOf(child)), serial: entry.serial }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Signals are the login's: Ctrl-C goes to the guest, and this process outlives ssh to clean up behind it. */
const outcomeOf = async (child: ChildProcess): Promise<Ran> => {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  const ignore = () => {}
  const pass = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGINT', ignore)
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, pass)
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(
          new DecloudError('ssh-missing', 'ssh cannot be run here.', {
            hint: "Install it: Debian's openssh-client.",
            cause,
          }),
        ),
      )
      child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']))
    })
    return { exitCode, ...said }
  } finally {
    process.off('SIGINT', ignore)
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.off(signal, pass)
  }
}
