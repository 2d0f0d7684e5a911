import { existsSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture } from '../../ports/hypervisor.ts'
import { hostArchitecture } from '../architecture.ts'

export type AccelerationChoice = 'auto' | 'kvm' | 'tcg'

export interface KvmFacts {
  readonly arch: Architecture
  /** /dev/kvm can be opened for reading and writing. */
  readonly device: boolean
  /** The CPU shows vmx or svm; means nothing outside x86. */
  readonly cpuVirtualization: boolean
  /** The module kvm_pvm is loaded: it lets KVM guests start, and then interprets ordinary kernels, which never boot. */
  readonly pvm: boolean
}

export interface AccelerationDecision {
  readonly acceleration: 'kvm' | 'tcg'
  readonly reason: string
}

/** @param whyNotKvm what was found out by trying, as one sentence; it counts for more than what the machine shows. */
export function decideAcceleration(
  facts: KvmFacts,
  choice: AccelerationChoice,
  whyNotKvm: string | null = null,
): AccelerationDecision {
  if (choice !== 'auto') {
    return { acceleration: choice, reason: `${choice.toUpperCase()}, as the configuration demands.` }
  }
  if (!facts.device) {
    return {
      acceleration: 'tcg',
      reason: 'TCG, as /dev/kvm is absent or cannot be opened for reading and writing.',
    }
  }
  if (facts.pvm) {
    return {
      acceleration: 'tcg',
      reason: 'TCG, as the host offers KVM only through kvm_pvm, under which guests do not boot.',
    }
  }
  if (facts.arch === 'x86_64' && !facts.cpuVirtualization) {
    return { acceleration: 'tcg', reason: 'TCG, as the CPU shows neither vmx nor svm.' }
  }
  if (whyNotKvm !== null) return { acceleration: 'tcg', reason: whyNotKvm }
  return { acceleration: 'kvm', reason: 'KVM, as /dev/kvm opens and the CPU supports it.' }
}

/** Permission bits are not enough: a container's device rules may still forbid it. */
const opens = (device: string): Promise<boolean> =>
  open(device, 'r+').then(
    (handle) => handle.close().then(() => true),
    () => false,
  )

/** @param root for tests: where /dev, /proc and /sys are looked for. */
export async function probeKvm(root = '/'): Promise<KvmFacts> {
  const cpuinfo = await readFile(join(root, 'proc/cpuinfo'), 'utf8').catch(() => '')
  return {
    arch: hostArchitecture(),
    device: await opens(join(root, 'dev/kvm')),
    cpuVirtualization: /^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo),
    pvm: existsSync(join(root, 'sys/module/kvm_pvm')),
  }
}
