// The agent's keys: there, private, and the ones that the registry knows.
import { DecloudError } from '@decloud/protocol'
import { checkNode } from '../chain/node-facts.ts'
import { DEVELOPMENT_CHAIN } from '../config/config.ts'
import { type Finding, fail, NotLooked, ok, warn } from './finding.ts'
import type { Subject } from './subject.ts'

/** The codes of the loaders → what they are called here. */
const CODES: Readonly<Record<string, string>> = {
  'config-invalid': 'key-missing',
  'secret-missing': 'key-missing',
  'keystore-missing': 'key-missing',
  'secret-readable': 'key-open',
  'keystore-password-wrong': 'password-wrong',
}
const TODO: Readonly<Record<string, string>> = {
  'key-missing':
    'Restore it from its backup, or make keys with `decloud-node init` and let the operator register them.',
  'password-wrong':
    'Give the file with the password of this keystore: agentPasswordFile, or DECLOUD_AGENT_PASSWORD_FILE.',
}

export const checkKeys = async (subject: Subject): Promise<Finding[]> => {
  const check = 'keys'
  const { deployment } = subject.config()
  try {
    const { account, sealingKeys } = await subject.secrets()
    const epochs = [...sealingKeys.keys()].join(', ')
    const found = `agent ${account.address}, sealing keys of epoch ${epochs}`
    const bare = subject.env['DECLOUD_AGENT_KEY']
    if (!bare || deployment.chainId === DEVELOPMENT_CHAIN) return [ok(check, found)]
    const todo = 'Anyone who reads the environment of the process has it: make a keystore.'
    return [warn(check, 'key-bare', `${found}; the key is in the environment in clear`, todo)]
  } catch (error) {
    if (!(error instanceof DecloudError) || error instanceof NotLooked) throw error
    const code = CODES[error.code] ?? error.code
    return [fail(check, code, error.message, TODO[code] ?? error.hint)]
  }
}

const UNREGISTERED: ReadonlySet<string> = new Set([
  'node-unregistered',
  'agent-key-wrong',
  'sealing-key-missing',
  'sealing-key-wrong',
])

export const checkRegistration = async (subject: Subject): Promise<Finding[]> => {
  const check = 'registration'
  const { node } = subject.config()
  const chain = await subject.chain()
  const { account, sealingKeys } = await keysOf(subject)
  try {
    await checkNode(chain, node, account.address, sealingKeys)
    return [ok(check, `node ${node} is registered with these keys`)]
  } catch (error) {
    if (!(error instanceof DecloudError) || !UNREGISTERED.has(error.code)) throw error
    return [fail(check, error.code, error.message, error.hint)]
  }
}

/** @throws NotLooked: what is wrong with the keys is a finding of its own. */
export const keysOf = (subject: Subject) =>
  subject.secrets().catch((error: unknown) => {
    if (error instanceof DecloudError) throw new NotLooked('the keys have to be there first')
    throw error
  })
