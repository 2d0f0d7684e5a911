/** Values of the labels that a metric was made with. Few and known: a kind, a state, a host; never an id or an address. */
type LabelValues<label extends string> = Readonly<Record<label, string>>
type Labels<label extends string> = [label] extends [never] ? [] : [labels: LabelValues<label>]

/** Only ever grows. `by` is 1 when left out; amounts in the metric's unit, so mind what a double can hold. */
type Counter<label extends string = never> = {
  add(...args: [...Labels<label>, by?: number]): void
}
type Gauge<label extends string = never> = { set(...args: [...Labels<label>, value: number]): void }
type Histogram<label extends string = never> = {
  observe(...args: [...Labels<label>, value: number]): void
}
type Sample<label extends string> = { labels: LabelValues<label>; value: number }

/**
 * What a part counts. Names without prefix, in Prometheus' manner: `upkeep_rounds_total`, `feed_lag_blocks`,
 * `api_request_seconds`; base units (seconds, bytes). Asking twice for a name gives the same metric.
 * @throws DecloudError `metric-clash` when a name is asked for again as another kind or with other labels.
 */
export type Metrics = {
  counter<const label extends string = never>(
    name: string,
    help: string,
    labels?: readonly label[],
  ): Counter<label>
  gauge<const label extends string = never>(
    name: string,
    help: string,
    labels?: readonly label[],
  ): Gauge<label>
  /** @param buckets upper bounds, rising; 5 ms to 10 s when left out. */
  histogram<const label extends string = never>(
    name: string,
    help: string,
    options?: { labels?: readonly label[]; buckets?: readonly number[] },
  ): Histogram<label>
  /** A gauge that is read when somebody looks; `null` for "not known now". `read` must be quick and synchronous. */
  watch(name: string, help: string, read: () => number | null): void
  /**
   * The same with labels; what `read` leaves out is not shown, so a label may be an id of what lives now.
   * @param most series; those beyond are left out, and `series_left_out` says how many.
   */
  watchEach<const label extends string>(
    name: string,
    help: string,
    labels: readonly label[],
    read: () => Iterable<Sample<label>>,
    options?: { most?: number },
  ): void
  /** The same for what only grows while it is there: totals that somebody else keeps. */
  watchTotals<const label extends string>(
    name: string,
    help: string,
    labels: readonly label[],
    read: () => Iterable<Sample<label>>,
    options?: { most?: number },
  ): void
}
