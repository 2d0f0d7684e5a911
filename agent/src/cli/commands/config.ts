import { fieldsTable, shownConfig } from '@decloud/service/config'
import { FIELDS, load } from '../../config/config.ts'
import { EXIT, makeVerb } from '../verb.ts'

const ABOUT = 'Nothing is sent, and no key is read.'

export const configCheck = makeVerb({
  brief: true,
  about: `Whether an agent could run with it: file, variables and flags, every error at once. ${ABOUT}`,
  options: {},
  run: async (io) => {
    const { file } = load(io.env, io.given, ['rpcUrls', 'deployment', 'node'])
    io.result({ valid: true, file }, 'The configuration is complete and well-formed.')
    return EXIT.done
  },
})

export const configShow = makeVerb({
  brief: true,
  about: `Every key with its value and where that comes from; of an RPC's URL the host alone. ${ABOUT}`,
  options: {},
  run: async (io) => {
    const { config, file, originOf } = load(io.env, io.given, [])
    const keys = shownConfig(FIELDS, config, originOf)
    const lines = keys.map(({ key, value, source }) => `${key} = ${JSON.stringify(value)}  (${source})`)
    io.result({ file, keys }, lines.join('\n'))
    return EXIT.done
  },
})

export const configTable = makeVerb({
  brief: true,
  about: 'As it stands in docs/node.md.',
  options: {},
  run: async (io) => {
    const table = fieldsTable(FIELDS)
    io.result({ table }, table)
    return EXIT.done
  },
})
