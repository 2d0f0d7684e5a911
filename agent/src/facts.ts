// The part of the composition root that finds out what this machine is while the agent runs, and says so under the
// agent's signature. Guests and leases depend on none of it.
import { sentenceOf } from '@decloud/protocol'
import { signFacts, verifyFacts } from '@decloud/protocol/wire/facts'
import { readBusy } from './benchmark/busy.ts'
import { scheduleBenchmarks } from './benchmark/schedule.ts'
import type { AgentConfig } from './config/config.ts'
import type { AgentSecrets } from './config/secrets.ts'
import { type Herald, startHerald } from './facts/herald.ts'
import { sendFacts } from './facts/send.ts'
import type { Disposer } from './lib/disposer.ts'
import { pause } from './lib/pause.ts'
import { VERSION } from './lib/version.ts'
import { benchmarkNode, discoverNode } from './measure.ts'
import { sweepProbes } from './prove.ts'
import type { Deps } from './reconcile/ports.ts'
import { type FactsStore, openFactsStore } from './state/node-facts-store.ts'

const DAY_MS = 86_400_000
const BENCHMARK_DAYS = 7
/** Behind every other program, guests among them; only those that do nothing at all come later. */
const NICE = 15
/** An agent that starts has better things to do first. */
const FIRST_LOOK_MS = 3_000

export type FactsOptions = {
  config: AgentConfig
  secrets: AgentSecrets
  deps: Pick<Deps, 'resources' | 'events' | 'log' | 'nowMs' | 'random'>
  disposer: Disposer
  /** See `HeraldDeps`. */
  lookMs: number | undefined
}

/** Starts, and stops with `disposer`. */
export const beginFacts = (options: FactsOptions): Herald => {
  const { config, secrets, deps, disposer } = options
  const { resources, events, log, nowMs, random } = deps
  const store = openFactsStore(config.dataDir)
  disposer.add(() => store.close())
  const lookout = watchMachine(config, store, deps)
  disposer.add(() => lookout.close())
  const days = config.benchmarkDays ?? BENCHMARK_DAYS
  if (days > 0) {
    const schedule = scheduleBenchmarks({
      ...{ everyMs: days * DAY_MS, events, log, nowMs, random, busy: readBusy },
      newest: store.benchmark.newest,
      measure: (signal) => benchmarkNode(config, store, { signal, nice: NICE }),
      registered: async () => (await resources.offer()).offered.pointUnits,
    })
    disposer.add(() => schedule.close())
  }
  const { chainId, nodeRegistry } = config.deployment
  const scope = { chainId, nodeRegistry }
  const herald = startHerald({
    ...{ node: config.node, version: VERSION, kept: store.statement, send: sendFacts, log, nowMs, random },
    found: () => ({
      machine: store.machine.newest(),
      benchmark: store.benchmark.newest(),
      probe: store.probe.newest(),
    }),
    sign: (facts) => signFacts(scope, facts, secrets.account),
    isOwn: (signed) =>
      signed.facts.node === config.node
        ? verifyFacts(scope, signed, secrets.account.address).then(
            () => true,
            () => false,
          )
        : Promise.resolve(false),
    keepers: (config.keepers ?? []).filter((address) => address.startsWith('http')),
    ...(options.lookMs === undefined ? {} : { lookMs: options.lookMs }),
  })
  disposer.add(() => herald.close())
  return herald
}

/** Looks at the machine after the start and once a day; what a killed probe has left goes first. */
const watchMachine = (
  config: AgentConfig,
  store: FactsStore,
  { log, nowMs }: FactsOptions['deps'],
): { close(): Promise<void> } => {
  const stop = new AbortController()
  const loop = async () => {
    await pause(FIRST_LOOK_MS, stop.signal)
    if (!stop.signal.aborted) await sweepProbes(config, log)
    while (!stop.signal.aborted) {
      try {
        const takenMs = (store.machine.newest()?.takenAt ?? 0) * 1_000
        if (Math.abs(nowMs() - takenMs) >= DAY_MS) await discoverNode(config, store)
      } catch (error) {
        log.warn({ detail: sentenceOf(error) }, 'the machine cannot be looked at now')
      }
      await pause(DAY_MS / 24, stop.signal)
    }
  }
  const running = loop()
  return {
    close: async () => {
      stop.abort()
      await running
    },
  }
}
