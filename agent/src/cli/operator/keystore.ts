// What a keystore says without its password.
import { readFileSync } from 'node:fs'
import { type Address, getAddress, isAddress } from 'viem'
import { AgentError } from '../../lib/errors.ts'

/**
 * @returns the address that the file names, which nothing vouches for; null when it names none.
 * @throws AgentError `keystore-missing`, `keystore-malformed`.
 */
export const addressIn = (path: string): Address | null => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AgentError('keystore-missing', `The keystore ${path} cannot be read.`, {
      hint: 'Check the path and that this user may read it.',
      cause,
    })
  }
  const { version, crypto, address } = fieldsOf(text)
  if (version !== 3 || typeof crypto !== 'object') {
    throw new AgentError('keystore-malformed', `${path} is not a version 3 keystore.`, {
      hint: 'Make one with geth or with cast wallet import.',
    })
  }
  const digits = typeof address === 'string' ? address.replace(/^0x/, '') : ''
  return isAddress(`0x${digits}`, { strict: false }) ? getAddress(`0x${digits}`) : null
}

const fieldsOf = (text: string): { version?: unknown; crypto?: unknown; address?: unknown } => {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    // Told like everything else that is no keystore.
    return {}
  }
}
