export { lagOf, watchFeed, watchJournal, watchRpc } from './chain.ts'
export type { Metrics } from './metrics.ts'
export { type MetricsRegistry, makeMetrics } from './registry.ts'
