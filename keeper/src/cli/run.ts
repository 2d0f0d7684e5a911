import { sentenceOf } from '@decloud/protocol'
import { makeServiceManager, type ServiceManager } from '@decloud/service/systemd'
import { type Keeper, makeKeeper } from '../context.ts'
import { EXIT, type Verb } from './verb.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** The first signal asks for an orderly end; the handlers are gone then, so a second one ends the process at once. */
const firstSignal = (): Promise<string> =>
  new Promise((resolve) => {
    const handlers = SIGNALS.map((name) => ({
      name,
      handle: () => {
        for (const one of handlers) process.removeListener(one.name, one.handle)
        resolve(name)
      },
    }))
    for (const { name, handle } of handlers) process.on(name, handle)
  })

/** As long as the keeper is alive the service manager hears so; a stuck one is killed and started anew by it. */
const reassure = (keeper: Keeper, manager: ServiceManager | null): (() => void) => {
  if (manager === null || manager.watchdogMs === null) return () => {}
  const timer = setInterval(() => {
    if (keeper.health.life().alive) manager.alive()
  }, manager.watchdogMs / 3)
  return () => clearInterval(timer)
}

export const runVerb: Verb = {
  about: `The log goes to stdout, one line of JSON a fact. SIGTERM or SIGINT drains: /health says so, requests under way
finish, transactions under way stay in the journal for the next start. A second signal ends it at once.`,
  run: async ({ load, env }) => {
    const stopped = firstSignal()
    const { config, key } = load()
    const onError = (error: unknown) => console.error(sentenceOf(error))
    const manager = await makeServiceManager({ env, pid: process.pid, onError })
    const keeper = await makeKeeper({ config, key })
    manager?.ready(`serving at ${keeper.url}`)
    const release = reassure(keeper, manager)
    await stopped
    manager?.stopping('draining')
    await keeper.close()
    release()
    return EXIT.done
  },
}
