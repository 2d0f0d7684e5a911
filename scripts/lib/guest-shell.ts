// The tenant's own ssh client, with a key made for this lease and the host key that the chain vouches for.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { DecloudError } from '@decloud/protocol'
import type { LeaseStatusReport } from '@decloud/protocol/wire/node'
import { knownHostsLine } from './tenant-view.ts'

const run = promisify(execFile)
// sshd comes up shortly after the guest agent; under emulation on a busy machine that can take a while.
const LOGIN_DEADLINE_MS = 90_000

export type Key = { file: string; publicKey: string }

export const makeKey = async (directory: string): Promise<Key> => {
  const file = join(directory, 'tenant_ed25519')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'demo-tenant', '-f', file])
  return { file, publicKey: (await readFile(`${file}.pub`, 'utf8')).trim() }
}

/** @throws DecloudError `ssh` with the client's own words when no login succeeds in time. */
export const runInGuest = async (
  directory: string,
  key: Key,
  ssh: NonNullable<LeaseStatusReport['ssh']>,
  command: string,
): Promise<string> => {
  const knownHosts = join(directory, 'known_hosts')
  await writeFile(knownHosts, `${knownHostsLine(ssh)}\n`)
  const options = {
    IdentityFile: key.file,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    BatchMode: 'yes',
    ConnectTimeout: '10',
  }
  const args = [
    '-F',
    '/dev/null',
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    '-p',
    `${ssh.port}`,
    `${ssh.user}@${ssh.host}`,
    command,
  ]
  const deadline = Date.now() + LOGIN_DEADLINE_MS
  for (;;) {
    try {
      return (await run('ssh', args, { timeout: 60_000 })).stdout.trim()
    } catch (cause) {
      const { stderr = '', code } = cause as { stderr?: string; code?: number }
      // 255 is ssh's own failure (not up yet); anything else came from the command inside.
      if (code !== 255 || Date.now() > deadline) {
        throw new DecloudError('ssh', `SSH into the guest failed: ${stderr.trim() || String(cause)}`, {
          cause,
        })
      }
      await sleep(500)
    }
  }
}
