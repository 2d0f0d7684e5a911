// Every secret that this process was given, by value: what may never be seen in a log, an event or on a terminal.
import type { Environment } from '@decloud/service/config'
import { secretsOfUrl } from '@decloud/service/log'
import type { AgentConfig, Given } from './config.ts'
import { type AgentSecrets, readPassword, secretFiles } from './secrets.ts'

export const secretValues = (
  { rpcUrls, keepers = [] }: Pick<AgentConfig, 'rpcUrls' | 'keepers'>,
  { sealingKeys }: Pick<AgentSecrets, 'sealingKeys'>,
): string[] => [
  ...[...rpcUrls, ...keepers].filter((url) => URL.canParse(url)).flatMap(secretsOfUrl),
  ...[...sealingKeys.values()].flatMap(bareToo),
]

/** Those that only who opens the keystore has seen. @throws as `loadSecrets`, after which it does not throw. */
export const secretsOfKeystore = (env: Environment, given: Given = {}): string[] => {
  const privateKey = env['DECLOUD_AGENT_KEY']
  if (privateKey) return bareToo(privateKey)
  const { agentPasswordFile } = secretFiles(env, given)
  return agentPasswordFile === undefined ? [] : [readPassword(agentPasswordFile)]
}

/** A key is written with its prefix and without. */
const bareToo = (key: string): string[] => [key, key.replace(/^0x/, '')]
