import { makeMetrics } from '@decloud/service/metrics'
import { describe, expect, it } from 'vitest'

describe('the metrics registry', () => {
  it('shows what was counted, under one prefix', async () => {
    const { metrics, text } = makeMetrics('decloud_test_')
    const calls = metrics.counter('calls_total', 'Calls.', ['method', 'outcome'])
    calls.add({ method: 'eth_call', outcome: 'ok' })
    calls.add({ method: 'eth_call', outcome: 'ok' }, 2)
    metrics.counter('rounds_total', 'Rounds.').add(4)
    metrics.gauge('balance', 'Balance.').set(7)
    metrics.histogram('wait_seconds', 'Waits.', { buckets: [1, 2] }).observe(1.5)
    const shown = await text()
    expect(shown).toContain('decloud_test_calls_total{method="eth_call",outcome="ok"} 3\n')
    expect(shown).toContain('decloud_test_rounds_total 4\n')
    expect(shown).toContain('decloud_test_balance 7\n')
    expect(shown).toContain('decloud_test_wait_seconds_bucket{le="2"} 1\n')
  })

  it('reads watched gauges when somebody looks, and survives one that cannot be read', async () => {
    const failed: string[] = []
    const { metrics, text } = makeMetrics('decloud_test_', (name) => failed.push(name))
    let lag: number | null = 3
    metrics.watch('lag', 'Lag.', () => lag)
    metrics.watch('broken', 'Broken.', () => {
      throw new Error('closed')
    })
    let states = [{ labels: { state: 'pending' }, value: 2 }]
    metrics.watchEach('intents', 'Intents.', ['state'], () => states)
    expect(await text()).toContain('decloud_test_lag 3\n')
    lag = null
    states = [{ labels: { state: 'mined' }, value: 1 }]
    const shown = await text()
    expect(shown).toContain('decloud_test_lag Nan\n')
    expect(shown).toContain('decloud_test_intents{state="mined"} 1\n')
    expect(shown).not.toContain('pending')
    expect(failed).toEqual(['broken', 'broken'])
  })

  it('gives the same metric to a second part, and refuses another kind under its name', async () => {
    const { metrics, text } = makeMetrics('decloud_test_')
    metrics.counter('seen_total', 'Seen.').add()
    metrics.counter('seen_total', 'Seen.').add()
    expect(await text()).toContain('decloud_test_seen_total 2\n')
    expect(() => metrics.gauge('seen_total', 'Seen.')).toThrow(/seen_total exists as counter/)
    expect(() => metrics.counter('seen_total', 'Seen.', ['kind'])).toThrow(/seen_total/)
  })

  it('folds label values without bound into one series', async () => {
    const { metrics, text } = makeMetrics('decloud_test_')
    const hits = metrics.counter('hits_total', 'Hits.', ['path'])
    for (let i = 0; i < 5_000; i++) hits.add({ path: `/${i}` })
    const lines = (await text()).split('\n').filter((line) => line.startsWith('decloud_test_hits_total{'))
    expect(lines).toHaveLength(201)
    expect(lines).toContain('decloud_test_hits_total{path="other"} 4800')
  })

  it('shows totals that others keep, each for as long as it lives, and says how many it left out', async () => {
    const { metrics, text } = makeMetrics('decloud_test_')
    let alive = ['a', 'b', 'c']
    const read = () => alive.map((lease, i) => ({ labels: { lease }, value: 10 + i }))
    metrics.watchTotals('used_total', 'Used.', ['lease'], read, { most: 2 })
    await text()
    const crowded = await text()
    expect(crowded).toContain('# TYPE decloud_test_used_total counter')
    expect(crowded).toContain('decloud_test_used_total{lease="b"} 11\n')
    expect(crowded).not.toContain('lease="c"')
    expect(crowded).toContain('decloud_test_series_left_out{metric="used_total"} 1\n')
    alive = ['c']
    await text()
    const quiet = await text()
    expect(quiet).toContain('decloud_test_used_total{lease="c"} 10\n')
    expect(quiet).not.toMatch(/lease="[ab]"|metric="used_total"/)
  })
})
