import { DecloudError } from '@decloud/protocol'
import { fieldsTable, shownConfig } from '@decloud/service/config'
import { FIELDS } from '../config/config.ts'
import { EXIT, type Verb } from './verb.ts'

export const configVerb: Verb = {
  words: 'check | show | table',
  run: async ({ words, load, say }) => {
    const [what = 'check', ...rest] = words
    if (rest.length > 0 || !['check', 'show', 'table'].includes(what)) {
      throw new DecloudError('usage', `config takes check, show or table, not "${words.join(' ')}".`)
    }
    if (what === 'table') {
      const table = fieldsTable(FIELDS)
      say(table, { table })
      return EXIT.done
    }
    const loaded = load()
    const keys = shownConfig(FIELDS, loaded.config, loaded.originOf)
    const key = loaded.key === null ? 'none' : 'privateKey' in loaded.key ? 'private key' : 'keystore'
    if (what === 'check') say('The configuration is complete and well-formed.', { valid: true, key })
    else {
      const lines = keys.map(({ key, value, source }) => `${key} = ${JSON.stringify(value)}  (${source})`)
      say([...lines, `key: ${key}`].join('\n'), { keys, key })
    }
    return EXIT.done
  },
}
