import { fieldsHelp } from '@decloud/service/config'
import { FIELDS } from '../config/config.ts'
import { CONFIG_NAME, SECRET_NAMES } from '../config/env.ts'
import type { Option, Verb } from './verb.ts'
import type { VerbEntry } from './verbs.ts'

type Options = Readonly<Record<string, Option>>

const optionLines = (options: Options): string =>
  Object.entries(options)
    .map(([name, { argument, about }]) =>
      `  --${`${name}${argument === undefined ? '' : ` ${argument}`}`.padEnd(14)} ${about}`.trimEnd(),
    )
    .join('\n')

const EXITS = `Exit codes: 0 done, stopped or healthy; 1 failed, unhealthy or a difference or fault was found; 2 a person must
mend something first: usage, configuration, key, wrong chain, occupied port, locked or foreign data folder.`

const KEY = `The key comes from the environment alone; without one the keeper reads and serves, and does no chores:
  ${SECRET_NAMES.keystore} with ${SECRET_NAMES.passwordFile}, or the
  credentials \`keystore\` and \`keystore-password\` of a systemd unit, or ${SECRET_NAMES.privateKey}`

export const overview = (verbs: Readonly<Record<string, VerbEntry>>, common: Options): string =>
  `Usage: decloud-keeper [VERB] [--config FILE]

${Object.entries(verbs)
  .map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`)
  .join('\n')}

${optionLines(common)}
\`decloud-keeper VERB --help\` tells more of one; --version.

Keys of the file, the variables that win over them, and their defaults (${CONFIG_NAME} names the file too):
${fieldsHelp(FIELDS)}

${KEY}

${EXITS}`

export const helpOf = (name: string, summary: string, verb: Verb, common: Options): string =>
  [
    `Usage: decloud-keeper ${name}${verb.words === undefined ? '' : ` ${verb.words}`} [options]`,
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.`,
    ...(verb.about === undefined ? [] : [verb.about]),
    optionLines({ ...verb.options, ...common }),
    EXITS,
  ].join('\n\n')
