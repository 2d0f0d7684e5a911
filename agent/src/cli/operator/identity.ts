// Which machine this is, to the registry.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Address, concat, type Hex, sha256 } from 'viem'
import { AgentError } from '../../lib/errors.ts'

/**
 * systemd asks not to publish /etc/machine-id itself: a hash under a name of our own stands for it.
 * @param given another stable name of this machine.
 */
export const machineIdOf = (given: string | undefined): Hex => {
  const text = given ?? readMachineId()
  return `0x${createHash('sha256').update(`decloud machine\0${text}`).digest('hex')}`
}

/** As NodeRegistry computes it: stable over re-installs, and nobody else can take it. */
export const nodeIdOf = (machineId: Hex, operator: Address): Hex => sha256(concat([machineId, operator]))

const readMachineId = (): string => {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim()
  } catch (cause) {
    throw new AgentError('machine-id-missing', '/etc/machine-id cannot be read.', {
      hint: 'Give a stable name of this machine with --machine-id.',
      cause,
    })
  }
}
