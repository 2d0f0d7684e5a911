import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from 'viem'
import { z } from 'zod'
import type { GuestFacts, SystemCheck } from '../ports/guest.ts'
import { type Hypervisor, HypervisorError } from '../ports/hypervisor.ts'
import { readPublicKey } from '../ssh/public-key.ts'

/** cloud-init deletes this file at the start of every boot and writes it when its last stage is done. */
const RESULT = '/run/cloud-init/result.json'
const HOST_KEY = '/etc/ssh/ssh_host_ed25519_key.pub'

const cloudInitResult = z.object({ v1: z.object({ errors: z.array(z.string()) }) })

type Asked = Pick<Hypervisor, 'exec' | 'interfaces' | 'bootId'>

/** 32 bytes: SHA-256 over the decoded key, as `ssh-keygen -l` computes it. */
export function sshFingerprint(publicKey: string): Hex {
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64')
  return `0x${createHash('sha256').update(blob).digest('hex')}`
}

/** The errors of cloud-init's result.json; null if the text is not such a file. Pure. */
export function cloudInitErrors(text: string): readonly string[] | null {
  try {
    return cloudInitResult.parse(JSON.parse(text)).v1.errors
  } catch {
    return null // half a file, or none: the next reading decides
  }
}

const pending = (reason: string): SystemCheck => ({ state: 'pending', reason })
const failed = (reason: string): SystemCheck => ({ state: 'failed', reason })

async function facts(hypervisor: Asked, leaseId: Hex, mac: string): Promise<SystemCheck> {
  const reported = (await hypervisor.interfaces(leaseId)) ?? []
  const ipv4 = reported.find((entry) => entry.mac.toLowerCase() === mac.toLowerCase())?.ipv4[0]
  if (!ipv4) return pending('the guest has no address yet')
  const key = await hypervisor.exec(leaseId, ['cat', HOST_KEY], 5_000)
  // It goes into people's known_hosts: one key, and not a line more.
  const read = readPublicKey(key.stdout)
  if (key.exitCode !== 0 || !('key' in read) || read.key.type !== 'ssh-ed25519')
    return failed('the guest has no ed25519 host key')
  const bootId = await hypervisor.bootId(leaseId)
  if (!bootId) return pending('the guest agent went away')
  const sshHostKey = `${read.key.type} ${read.key.blob}`
  const found: GuestFacts = { bootId, ipv4, sshHostKey, sshHostKeyFingerprint: sshFingerprint(sshHostKey) }
  return { state: 'ready', facts: found }
}

/**
 * One reading of the System check, through the guest agent alone. A guest that does not answer is `pending`, however
 * long it has been silent: deadlines are the caller's. Rejects with HypervisorError when the hypervisor itself fails.
 */
export async function checkSystem(hypervisor: Asked, leaseId: Hex, mac: string): Promise<SystemCheck> {
  try {
    const result = await hypervisor.exec(leaseId, ['cat', RESULT], 5_000)
    if (result.exitCode !== 0) return pending('cloud-init is at work')
    const errors = cloudInitErrors(result.stdout)
    if (errors === null) return pending('cloud-init is writing its result')
    if (errors.length > 0) return failed(`cloud-init failed: ${errors.join('; ').slice(0, 500)}`)
    return await facts(hypervisor, leaseId, mac)
  } catch (error) {
    if (!(error instanceof HypervisorError)) throw error
    if (error.code === 'agent-not-ready') return pending('the guest agent does not answer yet')
    if (error.code === 'timeout') return pending('the guest is slow to answer')
    if (error.code === 'agent-error') return pending(`the guest agent refused: ${error.message}`)
    throw error
  }
}

export interface WaitOptions {
  readonly deadlineMs: number
  /** Default 500. */
  readonly pollMs?: number
  readonly signal?: AbortSignal
}

/** Polls until the check is `ready` or `failed`; when the deadline passes, resolves to `failed` with what was awaited. */
export async function waitForSystem(
  hypervisor: Asked,
  leaseId: Hex,
  mac: string,
  { deadlineMs, pollMs = 500, signal }: WaitOptions,
): Promise<Exclude<SystemCheck, { state: 'pending' }>> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const check = await checkSystem(hypervisor, leaseId, mac)
    if (check.state !== 'pending') return check
    if (performance.now() >= deadline) {
      return { state: 'failed', reason: `not ready after ${deadlineMs / 1000} s: ${check.reason}` }
    }
    await sleep(pollMs, undefined, signal ? { signal } : {})
  }
}
