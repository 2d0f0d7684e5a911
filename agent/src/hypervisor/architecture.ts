import { arch } from 'node:os'
import { type Architecture, HypervisorError } from '../ports/hypervisor.ts'

/** Throws HypervisorError `refused` on machines that no guest image exists for. */
export function hostArchitecture(): Architecture {
  const name = arch()
  if (name === 'x64') return 'x86_64'
  if (name === 'arm64') return 'aarch64'
  throw new HypervisorError('refused', `This machine is ${name}; guests run on x86_64 and aarch64 only.`)
}
