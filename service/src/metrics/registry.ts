// The Metrics port on prom-client. Each service has a registry of its own: several live in one process in tests.
import { DecloudError } from '@decloud/protocol'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Metrics } from './metrics.ts'

// Enough for every route, method and state there is. Beyond it a label carries something unbounded: one series takes all.
const MOST_SERIES = 200
const OVERFLOW = 'other'
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export type MetricsRegistry = {
  metrics: Metrics
  /** Prometheus' text format, and its content type. */
  text(): Promise<string>
  contentType: string
  /** Adds what prom-client knows of a Node process: memory, file descriptors, event loop, garbage collection. */
  ofProcess(): void
}

type Values = Readonly<Record<string, string>>
type Read = { labels: Values; value: number }
type Made = { kind: string; labels: readonly string[]; metric: unknown }

/**
 * @param prefix of every name: `decloud_keeper_`.
 * @param onReadFailed told when a watched gauge cannot be read; the others are shown all the same.
 */
export const makeMetrics = (
  prefix: string,
  onReadFailed: (name: string, error: unknown) => void = () => {},
): MetricsRegistry => {
  const registry = new Registry()
  const made = new Map<string, Made>()

  const once = <metric>(
    kind: string,
    name: string,
    labels: readonly string[],
    make: () => metric,
  ): metric => {
    const known = made.get(name)
    if (known === undefined) {
      const metric = make()
      made.set(name, { kind, labels, metric })
      return metric
    }
    if (known.kind !== kind || known.labels.join() !== labels.join()) {
      throw new DecloudError('metric-clash', `The metric ${name} exists as ${known.kind}(${known.labels}).`, {
        hint: 'Give the other one a name of its own.',
      })
    }
    // Same name, kind and labels: made by the same branch below.
    return known.metric as metric
  }

  const guarded = (error: unknown, name: string) => onReadFailed(name, error)
  const common = (name: string, help: string, labels: readonly string[] = []) => ({
    name: `${prefix}${name}`,
    help,
    labelNames: [...labels],
    registers: [registry],
  })

  const metrics: Metrics = {
    counter: (name, help, labels = []) =>
      once('counter', name, labels, () => {
        const counter = new Counter(common(name, help, labels))
        const bound = boundary(labels)
        return {
          add: (...args: unknown[]) => {
            const [values, by = 1] = split(labels, args)
            counter.inc(bound(values), by)
          },
        }
      }),
    gauge: (name, help, labels = []) =>
      once('gauge', name, labels, () => {
        const gauge = new Gauge(common(name, help, labels))
        const bound = boundary(labels)
        return {
          set: (...args: unknown[]) => {
            const [values, value] = split(labels, args)
            gauge.set(bound(values), value ?? 0)
          },
        }
      }),
    histogram: (name, help, { labels = [], buckets = BUCKETS } = {}) =>
      once('histogram', name, labels, () => {
        const histogram = new Histogram({ ...common(name, help, labels), buckets: [...buckets] })
        const bound = boundary(labels)
        return {
          observe: (...args: unknown[]) => {
            const [values, value] = split(labels, args)
            histogram.observe(bound(values), value ?? 0)
          },
        }
      }),
    watch: (name, help, read) =>
      void once('watch', name, [], () => {
        const gauge: Gauge = new Gauge({
          ...common(name, help),
          collect: () => {
            gauge.reset()
            try {
              gauge.set(read() ?? Number.NaN)
            } catch (error) {
              gauge.set(Number.NaN)
              guarded(error, name)
            }
          },
        })
        return gauge
      }),
    watchEach: (name, help, labels, read, { most = MOST_SERIES } = {}) =>
      void once('watchEach', name, labels, () => {
        const gauge: Gauge<string> = new Gauge({
          ...common(name, help, labels),
          collect: () => {
            gauge.reset()
            shown(name, read, most, ({ labels: values, value }) => gauge.set(values, value))
          },
        })
        return gauge
      }),
    watchTotals: (name, help, labels, read, { most = MOST_SERIES } = {}) =>
      void once('watchTotals', name, labels, () => {
        const counter: Counter<string> = new Counter({
          ...common(name, help, labels),
          collect: () => {
            counter.reset()
            shown(name, read, most, ({ labels: values, value }) => counter.inc(values, value))
          },
        })
        return counter
      }),
  }

  /** Those beyond the bound are left out: a sum of what is no sum would be worse than nothing. */
  const shown = (name: string, read: () => Iterable<Read>, most: number, show: (one: Read) => void) => {
    let left = most
    let leftOut = 0
    try {
      for (const one of read()) {
        if (left-- > 0) show(one)
        else leftOut++
      }
      if (leftOut === 0) overflow.delete(name)
      else overflow.set(name, leftOut)
    } catch (error) {
      guarded(error, name)
    }
  }
  const overflow = new Map<string, number>()
  metrics.watchEach('series_left_out', 'Series beyond the bound of a metric.', ['metric'], () =>
    [...overflow].map(([metric, value]) => ({ labels: { metric }, value })),
  )
  return {
    metrics,
    text: () => registry.metrics(),
    contentType: registry.contentType,
    ofProcess: () => collectDefaultMetrics({ register: registry }),
  }
}

const split = (labels: readonly string[], args: unknown[]): [Values, number | undefined] =>
  // The port's types say which of the two shapes a metric takes; here it is told by its labels.
  labels.length === 0
    ? [{}, args[0] as number | undefined]
    : [args[0] as Values, args[1] as number | undefined]

/** Lets the first MOST_SERIES label sets through and folds the rest into one. */
const boundary = (labels: readonly string[]) => {
  const seen = new Set<string>()
  const rest = Object.fromEntries(labels.map((label) => [label, OVERFLOW]))
  return (values: Values): Values => {
    const key = labels.map((label) => values[label]).join('\0')
    if (seen.has(key)) return values
    if (seen.size >= MOST_SERIES) return rest
    seen.add(key)
    return values
  }
}
