// Which machine this is, to the registry.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Address, concat, type Hex, sha256 } from 'viem'
import { AgentError } from '../../lib/errors.ts'
import { UsageError } from '../verb.ts'

/**
 * systemd asks not to publish /etc/machine-id itself: a hash under a name of our own stands for it.
 * @param given another stable name of this machine.
 * @throws UsageError, AgentError `machine-id-missing`: under a name that others have too it would pass for their node.
 */
export const machineIdOf = (given: string | undefined, file = '/etc/machine-id'): Hex => {
  if (given?.trim() === '')
    throw new UsageError('--machine-id takes a stable name of this machine, not an empty one.')
  const text = given ?? readMachineId(file)
  return `0x${createHash('sha256').update(`decloud machine\0${text}`).digest('hex')}`
}

/** As NodeRegistry computes it: stable over re-installs, and nobody else can take it. */
export const nodeIdOf = (machineId: Hex, operator: Address): Hex => sha256(concat([machineId, operator]))

const readMachineId = (path: string): string => {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw unnamed(`${path} cannot be read.`, cause)
  }
  if (/^(?!0+$)[0-9a-f]{32}$/.test(text)) return text
  // Images have it empty, or "uninitialized", until a first boot: the same for every machine that is made of them.
  throw unnamed(`${path} does not hold the id of a machine.`)
}

const unnamed = (what: string, cause?: unknown) =>
  new AgentError('machine-id-missing', what, {
    hint: 'Run `systemd-machine-id-setup`, or give a stable name of this machine with --machine-id.',
    cause,
  })
