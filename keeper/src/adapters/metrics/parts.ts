// What the parts of the keeper are watched by.
import type { MetricsRegistry } from '@decloud/service/metrics'
import type { Watchdog } from '../../lib/watchdog.ts'
import type { Vitals } from '../../ports/vitals.ts'

export const watchProcess = (
  { metrics, ofProcess }: MetricsRegistry,
  parts: { vitals: Vitals; watchdog: Watchdog; stores: Readonly<Record<string, () => number>> },
) => {
  ofProcess()
  const { vitals, watchdog, stores } = parts
  metrics.watch('gas_coins', 'Balance of the key, in whole gas coins.', () => {
    const { gas } = vitals.signs()
    return typeof gas === 'bigint' ? Number(gas) / 1e18 : null
  })
  metrics.watch('disk_free_bytes', 'Free space in the data folder.', () => {
    const { diskFreeBytes } = vitals.signs()
    return diskFreeBytes === null ? null : Number(diskFreeBytes)
  })
  metrics.watch('store_writable', '1 while the local database takes writes.', () =>
    vitals.signs().unwritable === null ? 1 : 0,
  )
  metrics.watchEach('store_bytes', 'Size of a database.', ['store'], () =>
    Object.entries(stores).map(([store, bytes]) => ({ labels: { store }, value: bytes() })),
  )
  const rounds = (what: 'rounds' | 'failures') => () =>
    [...watchdog.finished()].map(([name, ended]) => ({ labels: { loop: name }, value: ended[what] }))
  metrics.watchEach('loop_rounds', 'Rounds that ended since the start.', ['loop'], rounds('rounds'))
  metrics.watchEach('loop_failures', 'Rounds that failed since the start.', ['loop'], rounds('failures'))
  metrics.watch('loops_stuck', 'Rounds past their deadline.', () => watchdog.overdue().length)
}
