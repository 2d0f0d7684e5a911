// The line that logs a tenant in, with the guest's host key pinned to what the node posted on chain. Pure.
import type { LeaseStatusReport } from '@decloud/protocol/wire/node'
import { type Hex, hexToBytes, sha256 } from 'viem'
import { fingerprintText } from '../../data/fingerprint.ts'

type Ssh = NonNullable<LeaseStatusReport['ssh']>

export type SshAccess =
  | { state: 'pinned'; line: string; short: string; fingerprint: string }
  /** What the agent shows is not what was posted on chain: nobody should log in. */
  | { state: 'mismatch'; reported: string; onChain: string }
  /** The agent's answer holds something that has no place in a shell line. */
  | { state: 'unusable' }

const HOST = /^[A-Za-z0-9.:_-]{1,253}$/
const USER = /^[a-z_][a-z0-9_-]{0,31}$/
const HOST_KEY = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]+={0,2})$/

/** A digest as the chain holds it, in ssh's own notation. */
export const inSshNotation = (digest: Hex): string => fingerprintText(hexToBytes(digest))

const digestOf = (hostKey: string): Hex | undefined => {
  const blob = HOST_KEY.exec(hostKey)?.[2]
  if (blob === undefined || blob.length % 4 !== 0) return undefined
  return sha256(Uint8Array.from(atob(blob), (char) => char.charCodeAt(0)))
}

/** @param onChain SHA-256 of the guest's host key, from `LeaseActivated`. */
export const sshAccess = (leaseId: Hex, ssh: Ssh, onChain: Hex): SshAccess => {
  // A comment after the key is of no use in known_hosts and would have to be escaped.
  const hostKey = ssh.hostKey.trim().split(/\s+/).slice(0, 2).join(' ')
  const digest = digestOf(hostKey)
  if (!HOST.test(ssh.host) || !USER.test(ssh.user) || digest === undefined) return { state: 'unusable' }
  if (digest !== onChain.toLowerCase()) {
    return { state: 'mismatch', reported: inSshNotation(digest), onChain: inSshNotation(onChain) }
  }
  const alias = `decloud-${leaseId.slice(2, 14)}`
  const target = `-p ${ssh.port} ${ssh.user}@${ssh.host}`
  return {
    state: 'pinned',
    // KnownHostsCommand (OpenSSH 8.5) pins the key for this one call, without touching the tenant's files.
    line: `ssh -o HostKeyAlias=${alias} -o StrictHostKeyChecking=yes -o "KnownHostsCommand=/bin/echo ${alias} ${hostKey}" ${target}`,
    short: `ssh -o HostKeyAlias=${alias} ${target}`,
    fingerprint: inSshNotation(onChain),
  }
}
