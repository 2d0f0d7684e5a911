// The part of the composition root that counts.

import type { Follower } from '@decloud/chain'
import { sentenceOf } from '@decloud/protocol'
import { type MetricsRegistry, makeMetrics, watchFeed } from '@decloud/service/metrics'
import type { Disposer } from '../lib/disposer.ts'
import type { Deps, Log } from '../reconcile/ports.ts'
import { watchGuests } from './guests.ts'
import { type NodeParts, watchNode } from './node.ts'
import { sampleUsage, type Usage } from './usage.ts'
import { sampleVitals } from './vitals.ts'

const PREFIX = 'decloud_node_'

export const openMetrics = (log: Log): MetricsRegistry => {
  const registry = makeMetrics(PREFIX, (name, error) =>
    log.warn({ metric: name, detail: sentenceOf(error) }, 'a figure cannot be read'),
  )
  registry.ofProcess()
  return registry
}

export type WatchOptions = {
  registry: MetricsRegistry
  deps: Deps
  follower: Pick<Follower, 'health' | 'onChange'>
  disposer: Disposer
} & Pick<NodeParts, 'space' | 'beats' | 'duties'>

/** Ends with `disposer`. @returns what guests use, for the tenants who ask. */
export const watchAll = ({
  registry,
  deps,
  follower,
  disposer,
  space,
  beats,
  duties,
}: WatchOptions): Usage => {
  const { metrics } = registry
  const { hypervisor, log, nowMs, store, chain, resources } = deps
  const usage = sampleUsage({ hypervisor, log, nowMs })
  disposer.add(() => usage.close())
  const vitals = sampleVitals(chain, resources)
  disposer.add(() => vitals.close())
  disposer.add(watchFeed(metrics, follower))
  watchGuests(metrics, usage)
  const { ledger } = resources
  watchNode(metrics, { store, ledger, space, beats, duties, usage, vitals, nowMs })
  return usage
}
