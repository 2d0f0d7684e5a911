// What systemd hears of the agent: that it serves, that it lives, and how it is. `systemctl status` shows the last one, and
// the installer judges a new release by it: neither needs a token for the API.
import { sentenceOf } from '@decloud/protocol'
import { makeServiceManager } from '@decloud/service/systemd'
import type { Health } from './api/health.ts'
import { withDeadline } from './lib/deadline.ts'
import type { Logger } from './lib/log.ts'

type Watched = { readonly url: string; health(): Promise<Health> }

const LOOK_MS = 5_000
/** A hypervisor that hangs makes no answer: that is said, and is no reason to be killed. */
const ANSWER_MS = 20_000

export type Service = {
  started(agent: Watched): Promise<void>
  stopping(): void
  /** Nothing more is told, not even that it lives. */
  release(): void
}

type Options = { everyMs?: number; load?: Parameters<typeof makeServiceManager>[0]['load'] }

/**
 * Whoever runs the agent by hand gets a service that tells nobody.
 * @throws DecloudError `notify-missing`.
 */
export const openService = async (
  env: Readonly<Record<string, string | undefined>>,
  log: Logger,
  { everyMs = LOOK_MS, load }: Options = {},
): Promise<Service> => {
  const onError = (error: unknown) => log.warn({ err: error }, 'systemd')
  const manager = await makeServiceManager({
    ...{ env, pid: process.pid, onError },
    ...(load === undefined ? {} : { load }),
  })
  if (manager === null) return { started: async () => {}, stopping: () => {}, release: () => {} }
  const timers: NodeJS.Timeout[] = []
  const over = new AbortController()
  return {
    started: async (agent) => {
      manager.ready(await howItIs(agent, over.signal))
      const tell = async () => {
        const status = await howItIs(agent, over.signal)
        if (!over.signal.aborted) manager.status(status)
      }
      timers.push(setInterval(onePerTurn(tell), everyMs))
      if (manager.watchdogMs !== null) timers.push(setInterval(manager.alive, manager.watchdogMs / 3))
    },
    stopping: () => {
      over.abort()
      manager.stopping('stopping: guests keep running')
    },
    release: () => {
      over.abort()
      for (const timer of timers) clearInterval(timer)
    },
  }
}

/** Starts with the word that the installer looks for: `ok` or `degraded`. */
const howItIs = async (agent: Watched, signal: AbortSignal): Promise<string> => {
  try {
    const { status, node, chain, guests } = await withDeadline(
      'To read the health',
      ANSWER_MS,
      signal,
      agent.health,
    )
    const why = chain.error === null ? '' : ` (${chain.error})`
    return `${status}: node ${node} at ${agent.url}, ${guests.running} guests, chain ${chain.feed} at ${chain.head ?? 'no block yet'}${why}`
  } catch (error) {
    return `degraded: ${sentenceOf(error)}`
  }
}

const onePerTurn = (work: () => Promise<void>): (() => void) => {
  let busy = false
  return () => {
    if (busy) return
    busy = true
    work().finally(() => {
      busy = false
    })
  }
}
