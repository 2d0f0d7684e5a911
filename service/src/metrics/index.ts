export type { Metrics } from './metrics.ts'
export { type MetricsRegistry, makeMetrics } from './registry.ts'
