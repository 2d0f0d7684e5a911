// What one account's webhooks may cost the others: places, deliveries, the process's time.
import { openDatabase } from '@decloud/chain'
import type { Deployment, LeaseView } from '@decloud/protocol'
import type { AlertBody, AlertEvent } from '@decloud/protocol/wire/alerts'
import { type Address, getAddress, keccak256, numberToHex, toHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { makeAlertStore } from '../src/adapters/alerts/store.ts'
import { alertsSection } from '../src/config/alerts.ts'
import type { Ledger } from '../src/ports/ledger.ts'
import { type AlertsDeps, makeAlerts } from '../src/services/alerts.ts'

const account = (n: number): Address => getAddress(numberToHex(n, { size: 20 }))
const HOOK = 'https://hook.example/'
const ALL: AlertBody = { kind: 'ended', url: HOOK, leaseId: null }
const NOW = 1_800_000_000

const leaseOf = (tenant: Address, change: Partial<LeaseView> = {}): LeaseView =>
  // Only what alerts read.
  ({ leaseId: keccak256(tenant), tenant, status: 'Active', node: 1, endedAt: 0, ...change }) as LeaseView

const alertsFor = (leases: readonly LeaseView[], change: Partial<AlertsDeps> = {}) => {
  const store = makeAlertStore(openDatabase(':memory:'))
  const ledger: Pick<Ledger, 'lease' | 'leases' | 'node'> = {
    lease: (id) => leases.find(({ leaseId }) => leaseId === id),
    leases: ({ tenant, status }) => ({
      leases: leases.filter(
        (lease) => lease.tenant === tenant && (status === undefined || lease.status === status),
      ),
      next: null,
    }),
    node: () => undefined,
  }
  const block = { height: 10n, hash: '0x01', parent: '0x00', timestamp: BigInt(NOW) } as const
  const health = {
    ...{ state: 'live', head: block, cursor: block, finalized: 10n, verified: 10n, rounds: 0 },
  }
  const alerts = makeAlerts({
    config: alertsSection.parse({ maxAlerts: 3, perAccount: 2 }),
    // Only its chain and escrow are read.
    deployment: { chainId: 1, leaseEscrow: account(0) } as Deployment,
    ...{ store, ledger, market: { endOf: () => null }, liveness: { isOnline: () => 'unknown' as const } },
    follower: {
      health: () => ({ ...health, state: 'live', silentMs: 0, lastError: null, disagreement: null }),
      finalizedThrough: () => block,
    },
    post: async () => ({ outcome: 'delivered', why: '' }),
    checkUrl: (url) => new URL(url),
    ...{ log: { info() {}, warn() {}, error() {} }, signal: new AbortController().signal },
    nowMs: () => NOW * 1_000,
    ...change,
  })
  const queue = (alert: string, count: number) => {
    const fire = Array.from({ length: count }, (_, i) => {
      const id = keccak256(toHex(`${alert} ${i}`))
      const common = { id, kind: 'ended', alert, chainId: 1, leaseEscrow: account(0), at: NOW } as const
      const event: AlertEvent = { ...common, leaseId: null, node: null }
      return { subject: id, event }
    })
    store.record(alert, { fire, rearm: [] }, NOW)
  }
  return { alerts, store, queue }
}

describe('the places of all accounts together', () => {
  it('are not held by accounts that have nothing here, against one that has', () => {
    const tenant = account(1)
    const { alerts } = alertsFor([leaseOf(tenant)])
    for (const stranger of [7, 8, 9]) alerts.register(account(stranger), ALL)
    const { id } = alerts.register(tenant, ALL)
    expect(alerts.of(tenant).map((one) => one.id)).toEqual([id])
    for (const stranger of [7, 8, 9]) alerts.register(account(stranger), ALL)
    expect(alerts.of(tenant).map((one) => one.id)).toEqual([id])
  })

  it('are given up by what is switched off and by leases that are long over', () => {
    const [one, two, three, four] = [1, 2, 3, 4].map(account) as [Address, Address, Address, Address]
    const over = leaseOf(two, { status: 'Ended', endedAt: NOW - 2 * 86_400 })
    const lately = leaseOf(three, { status: 'Ended', endedAt: NOW - 3_600 })
    const { alerts, store } = alertsFor([leaseOf(one), over, lately, leaseOf(four)])
    const off = alerts.register(one, ALL)
    alerts.register(two, { kind: 'ended', url: HOOK, leaseId: over.leaseId })
    alerts.register(three, { kind: 'ended', url: HOOK, leaseId: lately.leaseId })
    store.disable(off.id, 'it was gone')
    alerts.register(four, ALL)
    expect([one, two, three, four].map((who) => alerts.of(who).length)).toEqual([0, 0, 1, 1])
    alerts.register(one, ALL)
    // All three are of use now.
    expect(() => alerts.register(four, ALL)).toThrow(expect.objectContaining({ code: 'alerts-full' }))
  })
})

describe('deliveries', () => {
  it('of an account with many that never arrive do not keep those of others waiting', async () => {
    const tarpit = account(1)
    const tenant = account(2)
    const posted: string[] = []
    const { alerts, queue } = alertsFor([leaseOf(tarpit), leaseOf(tenant)], {
      post: async (url) => {
        posted.push(url)
        return url.endsWith('tarpit') ? { outcome: 'failed', why: 'slow' } : { outcome: 'delivered', why: '' }
      },
    })
    for (let i = 0; i < 2; i++) {
      const { id } = alerts.register(tarpit, { ...ALL, url: `${HOOK}tarpit` })
      queue(id, 500)
    }
    await alerts.deliver()
    const { id } = alerts.register(tenant, { ...ALL, url: `${HOOK}tenant` })
    queue(id, 20)
    await alerts.deliver()
    expect(posted.filter((url) => url.endsWith('tenant')).length).toBeGreaterThanOrEqual(4)
    // Alone, an account has all there is.
    for (let i = 0; i < 10; i++) await alerts.deliver()
    expect(posted.filter((url) => url.endsWith('tenant'))).toHaveLength(20)
    const before = posted.length
    await alerts.deliver()
    expect(posted.length - before).toBe(8)
  })

  it('of many such accounts give each its turn', async () => {
    const posted: string[] = []
    const crowd = Array.from({ length: 20 }, (_, i) => account(100 + i))
    const { alerts, queue } = alertsFor(
      crowd.map((who) => leaseOf(who)),
      {
        config: alertsSection.parse({ firstRetrySeconds: 1 }),
        post: async (url) => {
          posted.push(url)
          return { outcome: 'failed', why: 'slow' }
        },
      },
    )
    for (const who of crowd) queue(alerts.register(who, { ...ALL, url: `${HOOK}${who}` }).id, 50)
    for (let i = 0; i < 3; i++) await alerts.deliver()
    expect(new Set(posted).size).toBe(20)
  })
})

it('judging thousands of alerts leaves the process time for everything else', async () => {
  const crowd = Array.from({ length: 1_000 }, (_, i) => account(100 + i))
  const { alerts } = alertsFor([], { config: alertsSection.parse({}) })
  for (const who of crowd) alerts.register(who, ALL)
  let turns = 0
  let judging = true
  const count = () => {
    turns += 1
    if (judging) setImmediate(count)
  }
  setImmediate(count)
  await alerts.judge()
  judging = false
  expect(turns).toBeGreaterThan(10)
})
