import type { KeySource } from '@decloud/chain'
import { valueIn } from '@decloud/service/config'
import { secretsOfUrl } from '@decloud/service/log'
import { FIELDS, type KeeperConfig } from './config.ts'

/** Every secret that this process was given, by value: what may never be seen in a log or on a terminal. */
export const secretValues = (config: KeeperConfig, key: KeySource | null): string[] => {
  const values = FIELDS.filter((field) => field.secret).flatMap((field) => texts(valueIn(config, field)))
  const shown = values.flatMap((value) => (URL.canParse(value) ? secretsOfUrl(value) : [value]))
  if (key === null) return shown
  if ('password' in key) return [...shown, key.password]
  return [...shown, key.privateKey, key.privateKey.replace(/^0x/, '')]
}

const texts = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : Array.isArray(value) ? value.flatMap(texts) : []
