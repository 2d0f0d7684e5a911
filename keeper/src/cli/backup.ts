import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import { backupStore, restoreStore } from '../adapters/store/backup.ts'
import { lockFolder } from '../adapters/store/lock.ts'
import { EXIT, textOption, type Verb } from './verb.ts'

const required = (value: string | boolean | undefined, name: string): string => {
  const text = textOption(value)
  if (text !== undefined && text !== '') return resolve(text)
  throw new DecloudError('usage', `--${name} FILE is missing.`, { hint: 'See --help.' })
}

export const backupVerb: Verb = {
  about: `What only this keeper knows is in local.sqlite: transactions under way, heartbeats, the mailbox, alerts.
keeper.sqlite is a cache of the chain and needs no copy; one saves a new keeper the time to read the chain.`,
  options: {
    to: { type: 'string', argument: 'FILE', about: 'where the copy goes; replaced when it is there' },
    cache: { type: 'string', argument: 'FILE', about: 'copy keeper.sqlite too, to this file' },
  },
  run: async ({ values, load, say }) => {
    const to = required(values['to'], 'to')
    const { dataDir } = load().config
    const reports = [await backupStore(join(dataDir, 'local.sqlite'), to)]
    if (values['cache'] !== undefined) {
      reports.push(await backupStore(join(dataDir, 'keeper.sqlite'), required(values['cache'], 'cache')))
    }
    say(reports.map(({ file, bytes }) => `${file}: ${bytes} bytes, whole`).join('\n'), { copies: reports })
    return EXIT.done
  },
}

export const restoreVerb: Verb = {
  about: `The former file is kept beside it. Transactions that the copy does not know are no danger: nonces are read from the
chain, and every chore is a no-op when it was done before.`,
  options: { from: { type: 'string', argument: 'FILE', about: 'a copy that `backup` made' } },
  run: async ({ values, load, say }) => {
    const from = required(values['from'], 'from')
    if (!existsSync(from)) throw new DecloudError('restore-failed', `There is no file ${from}.`)
    const { dataDir } = load().config
    const lock = lockFolder(dataDir)
    try {
      const former = restoreStore(from, join(dataDir, 'local.sqlite'), Date.now())
      const kept = former === null ? 'There was none before.' : `The former one is ${former}.`
      say(`local.sqlite is the copy now. ${kept}`, { restored: true, former })
    } finally {
      lock.release()
    }
    return EXIT.done
  },
}
