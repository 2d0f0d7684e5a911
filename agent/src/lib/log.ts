import { AsyncLocalStorage } from 'node:async_hooks'
import { makeLog, type Scrub } from '@decloud/service/log'
import { type Logger, pino } from 'pino'

export type { Logger }

/** Names under which guests' and node's secrets travel in here, besides those that every service knows. */
const NAMES = [
  'passwordHash',
  'sealingKeys',
  'sealingKey',
  'manifest',
  'userData',
  'variables',
  'sshKeys',
  'ticket',
]

const about = new AsyncLocalStorage<Readonly<Record<string, unknown>>>()

/** Every line that is logged while `work` goes on carries these fields: nobody has to pass them down. */
export const loggedWith = <result>(fields: Readonly<Record<string, unknown>>, work: () => result): result =>
  about.run({ ...about.getStore(), ...fields }, work)

/**
 * One JSON line a fact, on stderr unless a file is given. Secrets are cut out by the name of their field, by their value
 * and by their shape.
 */
export const makeLogger = (level: string, file?: string, scrub: Scrub = (text) => text): Logger =>
  makeLog({
    ...{ name: 'node', level, scrub, names: NAMES },
    mixin: () => ({ ...about.getStore() }),
    destination: pino.destination({ dest: file ?? 2, mkdir: true, sync: true }),
  })
