import { fieldsHelp } from '@decloud/service/config'
import { CONFIG_NAME, FIELDS } from '../config/config.ts'
import { COMMON, verbsOf } from './find.ts'
import type { Options, Verb } from './verb.ts'
import { VERBS } from './verbs.ts'

const optionLines = (options: Options): string =>
  Object.entries(options)
    .map(([name, { argument, about }]) => {
      const flag = `--${name}${argument === undefined ? '' : ` ${argument}`}`
      return flag.length > 24 ? `  ${flag}\n${' '.repeat(28)}${about}` : `  ${flag.padEnd(25)} ${about}`
    })
    .join('\n')

const verbLines = (names: readonly string[]): string =>
  names.map((name) => `  ${name.padEnd(16)} ${VERBS[name]!.summary}`).join('\n')

const EXITS = `Exit codes: 0 done; 1 failed, or not healthy; 2 something that a person must set right first (usage, configuration,
key, wrong chain, port, data folder).`

const KEYS =
  'Every key of the configuration is an option too, for example --node 3: `decloud-node config table`.'

export const overview = (): string => `Usage: decloud-node VERB [options]

${verbLines(Object.keys(VERBS))}

${optionLines(COMMON)}
\`decloud-node VERB --help\` tells more of one.

Configuration: ${CONFIG_NAME} names the file (/etc/decloud-node/node.json); a variable wins over the file, a flag over
both. Every key is a flag too: \`--rpc-urls\`, \`--price-point\`. Keys, variables and defaults:
${fieldsHelp(FIELDS)}

${EXITS}
`

export const groupHelp = (group: string): string => `Usage: decloud-node ${group} …

${verbLines(verbsOf(group))}

\`decloud-node ${group} … --help\` tells more of one.
`

export const verbHelp = (name: string, verb: Verb): string => {
  const { summary } = VERBS[name]!
  const words = verb.words === undefined ? '' : ` ${verb.words}`
  const parts = [
    `Usage: decloud-node ${name}${words} [options]`,
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.${verb.about === undefined ? '' : `\n${verb.about}`}`,
    `${optionLines({ ...verb.options, ...COMMON })}\n${KEYS}`,
    ...(verb.examples === undefined
      ? []
      : [`Examples:\n${verb.examples.map((one) => `  ${one}`).join('\n')}`]),
    EXITS,
  ]
  return `${parts.join('\n\n')}\n`
}
