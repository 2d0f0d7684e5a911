// The operator's (cold) key: only commands of a person use it, the agent never does. It may not be on this machine at all.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadKey } from '@decloud/chain'
import type { Address, LocalAccount } from 'viem'
import { load } from '../../config/config.ts'
import { readPassword } from '../../config/secrets.ts'
import { AgentError } from '../../lib/errors.ts'
import { type Io, UsageError } from '../verb.ts'
import { addressIn } from './keystore.ts'
import { askSecret } from './prompt.ts'

export type Operator = {
  readonly address: Address
  /** null when the key is elsewhere and only its address is known here. */
  readonly account: LocalAccount | null
}

const PASSWORD_HOW = 'Give it with --operator-password-file, or run this at a terminal.'

/**
 * The operator as flags, environment and file name it: a key where there is one, else an address.
 * @param wants `key` opens the keystore, which may ask for its password; `address` is content with the
 *   address that the keystore names.
 * @returns null when nothing names an operator.
 * @throws AgentError `operator-mismatch` when the key is not that of the address given; DecloudError of the keystore.
 */
export const operatorIn = async (io: Io, wants: 'key' | 'address'): Promise<Operator | null> => {
  const { operatorKeystore, operatorPasswordFile, operatorAddress } = load(io.env, io.given, []).config
  const privateKey = io.env['DECLOUD_OPERATOR_KEY'] || undefined
  if (wants === 'address' && operatorAddress !== undefined) return { address: operatorAddress, account: null }
  if (privateKey === undefined && operatorKeystore === undefined) {
    return operatorAddress === undefined ? null : { address: operatorAddress, account: null }
  }
  const named = wants === 'address' && privateKey === undefined ? addressIn(operatorKeystore!) : null
  if (named !== null) return { address: named, account: null }
  const account =
    privateKey !== undefined
      ? await loadKey({ privateKey })
      : await loadKey({
          keystore: operatorKeystore!,
          password: await passwordFor(io, operatorKeystore!, operatorPasswordFile),
        })
  if (operatorAddress !== undefined && operatorAddress !== account.address) {
    throw new AgentError(
      'operator-mismatch',
      `The operator's address is ${operatorAddress}, and the key given is that of ${account.address}.`,
      { hint: 'Give the right keystore, or take operatorAddress out.' },
    )
  }
  return { address: account.address, account }
}

/** @throws UsageError when nothing names an operator. */
export const demandOperator = async (io: Io, wants: 'key' | 'address'): Promise<Operator> => {
  const operator = await operatorIn(io, wants)
  if (operator !== null) return operator
  throw new UsageError(
    'The operator signs this, and nothing says who that is.',
    'Give --operator-keystore (DECLOUD_OPERATOR_KEYSTORE), or --operator-address with --unsigned.',
  )
}

/** From a file, from systemd, or from a person. */
const passwordFor = async (io: Io, keystore: string, file: string | undefined): Promise<string> => {
  if (file !== undefined) return readPassword(file)
  const folder = io.env['CREDENTIALS_DIRECTORY']
  const credential = folder ? join(folder, 'operator-password') : null
  if (credential !== null && existsSync(credential)) return readPassword(credential)
  return askSecret(`Password of ${keystore}`, PASSWORD_HOW)
}
