import { DecloudError } from '@decloud/protocol'
import { healthSchema, type KeeperHealth } from '@decloud/protocol/wire/health'
import { askHealth, runningKeeper } from '../adapters/running.ts'
import { EXIT, textOption, type Verb } from './verb.ts'

const encoded = (health: KeeperHealth) => healthSchema.encode(health)

const inWords = (health: KeeperHealth, url: string): string =>
  [
    `${health.status}  ${url}  version ${health.version}`,
    `chain ${health.chainId}: indexed ${health.indexed ?? '–'} of ${health.head ?? '–'}, final ${health.finalized ?? '–'}`,
    `transactions not final yet: ${health.inFlight}`,
    ...health.reasons.map(({ code, sentence }) => `${code}: ${sentence}`),
  ].join('\n')

export const statusVerb: Verb = {
  options: {
    url: { type: 'string', argument: 'URL', about: 'ask this keeper instead of the one on the data folder' },
  },
  run: async ({ values, load, say }) => {
    const url = textOption(values['url']) ?? urlOf(runningKeeper(load().config))
    const health = await askHealth(url.replace(/\/$/, ''))
    say(inWords(health, url), { url, ...encoded(health) })
    return health.status === 'ok' ? EXIT.done : EXIT.failed
  },
}

const urlOf = ({ url, pid }: { url: string | null; pid: number }): string => {
  if (url !== null) return url
  throw new DecloudError(
    'keeper-silent',
    `The keeper (process ${pid}) is starting and does not listen yet.`,
    {
      hint: 'Ask again in a moment.',
    },
  )
}
