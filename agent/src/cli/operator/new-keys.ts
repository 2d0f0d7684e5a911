// The three keys of a node, made where they are missing: hot, cold, sealing. What is there is checked and kept.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { decryptKey, encryptKey } from '@decloud/chain'
import { generateSealingKey } from '@decloud/protocol'
import type { Address } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { readPassword, readPrivateFile, readSealingKeys } from '../../config/secrets.ts'
import { AgentError } from '../../lib/errors.ts'
import { type Io, UsageError } from '../verb.ts'
import { addressIn } from './keystore.ts'
import { writeNewSecret } from './new-file.ts'
import type { Places } from './places.ts'
import { askSecret } from './prompt.ts'

const LEAST_PASSWORD = 8

export type Cold = {
  readonly operatorAddress: Address | undefined
  /** A keystore to take over. */
  readonly operatorKeystore: string | undefined
  readonly operatorPasswordFile: string | undefined
}

export type Keys = {
  readonly agent: { readonly address: Address; readonly made: boolean }
  readonly sealing: { readonly epochs: readonly number[]; readonly made: boolean }
  readonly operator: {
    readonly kind: 'made' | 'imported' | 'kept' | 'elsewhere'
    /** null of a keystore that does not say its address. */
    readonly address: Address | null
  }
}

/** @throws AgentError `key-file-…`, `secret-readable`; DecloudError of a keystore that cannot be opened. */
export const makeKeys = async (io: Io, places: Places, cold: Cold): Promise<Keys> => ({
  // The one that may ask comes first: whoever breaks off there has begun nothing.
  operator: await makeOperator(io, places, cold),
  agent: await makeAgentKey(places),
  sealing: await makeSealing(places),
})

const makeAgentKey = async ({ agentKeystore, agentPasswordFile }: Places): Promise<Keys['agent']> => {
  if (!existsSync(agentPasswordFile)) {
    if (existsSync(agentKeystore)) {
      throw new AgentError(
        'secret-missing',
        `${agentKeystore} is there, and ${agentPasswordFile} with its password is not.`,
        {
          hint: 'Put the password back, or move the keystore away to get a new one.',
        },
      )
    }
    // Nobody types this one: the service reads it.
    writeNewSecret(agentPasswordFile, `${randomBytes(32).toString('base64url')}\n`)
  }
  const password = readPassword(agentPasswordFile)
  if (existsSync(agentKeystore)) {
    const address = privateKeyToAddress(await decryptKey(readPrivateFile(agentKeystore), password))
    return { address, made: false }
  }
  const privateKey = generatePrivateKey()
  writeNewSecret(agentKeystore, `${await encryptKey(privateKey, password)}\n`)
  return { address: privateKeyToAddress(privateKey), made: true }
}

const makeSealing = async ({ sealingKeys }: Places): Promise<Keys['sealing']> => {
  if (existsSync(sealingKeys)) return { epochs: [...readSealingKeys(sealingKeys).keys()], made: false }
  const { privateKey } = await generateSealingKey()
  writeNewSecret(sealingKeys, `${JSON.stringify({ 1: privateKey })}\n`)
  return { epochs: [1], made: true }
}

const makeOperator = async (io: Io, { operatorKeystore }: Places, cold: Cold): Promise<Keys['operator']> => {
  if (existsSync(operatorKeystore)) return keep(operatorKeystore, cold)
  if (cold.operatorKeystore !== undefined) return takeOver(cold.operatorKeystore, operatorKeystore, cold)
  if (cold.operatorAddress !== undefined) return { kind: 'elsewhere', address: cold.operatorAddress }
  const password = await newPassword(cold.operatorPasswordFile)
  if (io.signal.aborted) throw new AgentError('interrupted', 'Interrupted: nothing was made.')
  const privateKey = generatePrivateKey()
  writeNewSecret(operatorKeystore, `${await encryptKey(privateKey, password)}\n`)
  return { kind: 'made', address: privateKeyToAddress(privateKey) }
}

const keep = (path: string, { operatorKeystore, operatorAddress }: Cold): Keys['operator'] => {
  const text = readPrivateFile(path)
  const address = addressIn(path)
  const other = operatorKeystore !== undefined && readPrivateFile(operatorKeystore).trim() !== text.trim()
  if (other || (operatorAddress !== undefined && address !== null && address !== operatorAddress)) {
    throw new AgentError(
      'key-file-exists',
      `${path} holds another cold key${address === null ? '' : `, that of ${address}`}.`,
      {
        hint: 'Keys are never overwritten: move it away first, if it holds nothing of worth.',
      },
    )
  }
  return { kind: 'kept', address }
}

const takeOver = async (
  from: string,
  to: string,
  { operatorPasswordFile }: Cold,
): Promise<Keys['operator']> => {
  const text = readPrivateFile(from)
  const address =
    operatorPasswordFile === undefined
      ? addressIn(from)
      : privateKeyToAddress(await decryptKey(text, readPassword(operatorPasswordFile)))
  writeNewSecret(to, `${text.trim()}\n`)
  return { kind: 'imported', address }
}

const HOW =
  'Give it with --operator-password-file, bring a key with --operator-keystore, or leave it elsewhere with --operator-address.'

const newPassword = async (file: string | undefined): Promise<string> => {
  const password =
    file === undefined ? await askSecret('New password for the cold key', HOW) : readPassword(file)
  if (password.length < LEAST_PASSWORD) {
    throw new UsageError(
      `The password of the cold key has fewer than ${LEAST_PASSWORD} characters.`,
      'Nothing was made.',
    )
  }
  if (file === undefined && (await askSecret('The same again', HOW)) !== password) {
    throw new UsageError('The two passwords differ.', 'Nothing was made.')
  }
  return password
}
