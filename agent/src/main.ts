// The agent as a library: `decloud-node run`, the demo and the tests all start it here.
import type { RouteEntry } from '@decloud/service/http'
import { makeScrub, type Scrub } from '@decloud/service/log'
import type { Hex } from 'viem'
import type { Health } from './api/health.ts'
import { startApi } from './api/server.ts'
import type { AgentConfig } from './config/config.ts'
import { secretValues } from './config/secret-values.ts'
import type { AgentSecrets } from './config/secrets.ts'
import { type Context, makeContext, type Overrides, type VmListener } from './context.ts'
import type { VmRecord } from './domain/vm.ts'
import { makeDisposer } from './lib/disposer.ts'
import { type Logger, makeLogger } from './lib/log.ts'
import type { Usage } from './metrics/usage.ts'

export { type AgentConfig, loadConfig } from './config/config.ts'
export { type AgentSecrets, loadSecrets } from './config/secrets.ts'
export type { Overrides } from './context.ts'
export type { VmRecord } from './domain/vm.ts'

export type Agent = {
  /** Of its API. */
  readonly url: string
  /** Every route of it, as it was registered: for tests that walk them all. */
  readonly routes: readonly RouteEntry[]
  vm(leaseId: Hex): VmRecord | null
  /** Called after every change of a record. @returns unsubscribe. */
  onVm(listener: VmListener): () => void
  health(): Promise<Health>
  /** What guests use. */
  readonly usage: Pick<Usage, 'look' | 'of'>
  /** Every figure, in Prometheus' text format. */
  metrics(): Promise<string>
  /** Stops the agent; guests stay as they are. Safe to call twice. */
  close(): Promise<void>
}

/**
 * @param overrides adapters in the place of the machine's own: a simulated hypervisor, a clock.
 * @throws DecloudError with a sentence for the operator; nothing is left open then.
 */
export const makeAgent = async (
  config: AgentConfig,
  secrets: AgentSecrets,
  overrides: Overrides & { log?: Logger; scrub?: Scrub } = {},
): Promise<Agent> => {
  const scrub = overrides.scrub ?? makeScrub(secretValues(config, secrets))
  const log = overrides.log ?? makeLogger(config.logLevel, config.logFile, scrub)
  const disposer = makeDisposer((error) => log.error({ err: error }, 'while stopping'))
  try {
    const context = await makeContext(config, secrets, log, disposer, { ...overrides, scrub })
    const { deps, reconciler, orders } = context
    const health = () => healthOf(context, config, secrets)
    const api = await startApi(
      { ...context.served, health },
      { host: config.apiHost, port: config.apiPort },
      log,
    )
    disposer.add(() => api.close())
    reconciler.start()
    orders.start()
    const { acceleration, reason } = deps.hypervisor.capabilities
    log.info(
      { node: config.node, agent: secrets.account.address, url: api.url, acceleration, reason },
      'agent up',
    )
    deps.events.record({
      kind: 'agent.started',
      message: `the agent is up on ${acceleration}`,
      details: { node: config.node, agent: secrets.account.address, acceleration, reason },
    })
    let closing: Promise<void> | null = null
    return {
      url: api.url,
      routes: api.routes,
      vm: (leaseId) => deps.store.get(leaseId),
      onVm: context.subscribe,
      health,
      usage: context.usage,
      metrics: () => context.registry.text(),
      close: () => {
        closing ??= farewell(context, log).then(() => disposer.dispose())
        return closing
      },
    }
  } catch (error) {
    await disposer.dispose()
    throw error
  }
}

const runningGuests = async ({ deps }: Context) =>
  (await deps.hypervisor.list()).filter(({ state }) => state === 'running' || state === 'paused')

const farewell = async (context: Context, log: Logger) => {
  const told = (message: string) => context.deps.events.record({ kind: 'agent.stopped', message })
  try {
    const running = (await runningGuests(context)).length
    told(`the agent stops; ${running} guests keep running`)
    log.info({ running }, `agent stopping: ${running} guest${running === 1 ? ' keeps' : 's keep'} running`)
  } catch (error) {
    told('the agent stops; its guests cannot be counted')
    log.warn({ err: error }, 'agent stopping: guests are not touched, and cannot be counted now')
  }
}

const healthOf = async (context: Context, config: AgentConfig, secrets: AgentSecrets): Promise<Health> => {
  const { deps, follower, beats, duties } = context
  const feed = follower.health()
  const guests = await runningGuests(context)
  const { leases } = deps.chain.snapshot()
  const { acceleration, arch, reason } = deps.hypervisor.capabilities
  const { shaper } = deps.resources
  const disk = context.space.level()
  return {
    status: feed.state === 'live' && disk?.level !== 'critical' ? 'ok' : 'degraded',
    node: config.node,
    agent: secrets.account.address,
    chain: {
      feed: feed.state,
      head: feed.head?.height.toString() ?? null,
      finalized: feed.finalized?.toString() ?? null,
      error: feed.disagreement ?? feed.lastError?.sentence ?? null,
    },
    hypervisor: { acceleration, arch, reason },
    shaping: { mode: shaper.mode, reason: shaper.reason },
    disk,
    beats: beats?.status() ?? null,
    duties: duties.status(),
    guests: {
      running: guests.length,
      unknown: guests.map(({ leaseId }) => leaseId).filter((id) => leases.get(id)?.latest === undefined),
    },
  }
}
