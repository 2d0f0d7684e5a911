import { makeServiceManager } from '@decloud/service/systemd'
import { expect, it } from 'vitest'
import { assess, type Facts, liveness } from '../src/domain/health.ts'
import { makeWatchdog } from '../src/lib/watchdog.ts'

const fine: Facts = {
  feed: { state: 'live', lagBlocks: 0n, silentMs: 5, lastError: null, disagreement: null },
  draining: false,
  unwritable: null,
  gas: 10n ** 18n,
  diskFreeBytes: 10n ** 12n,
  auditDifferences: 0,
  stuck: [],
}
const limits = { minGasWei: 10n ** 17n, minDiskBytes: 10n ** 9n }
const feed = (change: Partial<Facts['feed']>): Partial<Facts> => ({ feed: { ...fine.feed, ...change } })

it.each<[string, Partial<Facts>, string, string[]]>([
  ['all is well', {}, 'ok', []],
  ['no key', { gas: null }, 'ok', []],
  ['it is behind', feed({ state: 'syncing', lagBlocks: 7n }), 'syncing', ['feed-syncing']],
  ['the RPC is silent', feed({ state: 'stale', silentMs: 40_000 }), 'stale', ['feed-stale']],
  ['RPCs disagree', feed({ state: 'disagreeing' }), 'disagreeing', ['feed-disagreeing']],
  ['it differs from storage', { auditDifferences: 2 }, 'different', ['audit-different']],
  ['it cannot write', { unwritable: 'disk full' }, 'unwritable', ['store-unwritable']],
  ['it is stopping', { draining: true, ...feed({ state: 'stale' }) }, 'draining', ['draining', 'feed-stale']],
  ['gas is low: a warning', { gas: 1n }, 'ok', ['gas-low']],
  ['gas is unknown: a warning', { gas: 'unknown' }, 'ok', ['gas-unknown']],
  ['room is low: a warning', { diskFreeBytes: 1n }, 'ok', ['disk-low']],
  ['a round hangs: a warning here', { stuck: [{ name: 'upkeep', forMs: 9e5 }] }, 'ok', ['loop-stuck']],
])('%s', (_, change, status, codes) => {
  const verdict = assess({ ...fine, ...change }, limits)
  expect(verdict.status).toBe(status)
  expect(verdict.reasons.map(({ code }) => code)).toEqual(codes)
})

it('is alive while it is merely stale, and dead when a round or the event loop hangs', () => {
  const life = { uptimeSeconds: 9, eventLoopLagMs: 3, stuck: [] }
  expect(liveness(life).alive).toBe(true)
  expect(liveness({ ...life, stuck: [{ name: 'upkeep', forMs: 9e5 }] })).toMatchObject({
    alive: false,
    stuck: [{ name: 'upkeep', forSeconds: 900 }],
  })
  expect(liveness({ ...life, eventLoopLagMs: 60_000 }).alive).toBe(false)
})

it('finds the round that did not come back, and forgets it when it does', async () => {
  let now = 0
  const watchdog = makeWatchdog(() => now)
  const hung = Promise.withResolvers<void>()
  const round = watchdog.watch('upkeep', 100, () => hung.promise)
  now = 100
  expect(watchdog.overdue()).toEqual([])
  now = 101
  expect(watchdog.overdue()).toEqual([{ name: 'upkeep', forMs: 101 }])
  hung.resolve()
  await round
  expect(watchdog.overdue()).toEqual([])
  await expect(watchdog.watch('upkeep', 100, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(watchdog.finished().get('upkeep')).toMatchObject({ rounds: 2, failures: 1 })
})

it('tells a service manager that asks, and only that one, how it is', async () => {
  const told: string[] = []
  const load = async () => (_: number, state: string) => {
    told.push(state)
    return state.startsWith('STOPPING') ? -111 : 1
  }
  const failed: unknown[] = []
  const onError = (error: unknown) => failed.push(error)
  expect(await makeServiceManager({ env: {}, pid: 7, onError, load })).toBeNull()
  const env = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }
  const manager = (await makeServiceManager({ env, pid: 7, onError, load }))!
  expect(manager.watchdogMs).toBe(30_000)
  manager.ready('serving')
  manager.alive()
  expect(told).toEqual(['READY=1\nSTATUS=serving', 'WATCHDOG=1'])
  expect(failed).toEqual([])
  manager.stopping('draining')
  expect(failed).toMatchObject([{ code: 'notify-failed' }])
  expect((await makeServiceManager({ env, pid: 8, onError, load }))!.watchdogMs).toBeNull()
})
