// The model's host, chain and agent, driven by a script instead of by chance.
import { TRANSIENT } from '@decloud/protocol'
import type { Hex } from 'viem'
import { expect } from 'vitest'
import { makeRandom } from '../../../test/world/random.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { makeModelAgent } from '../model/agent.ts'
import { makeModelChain } from '../model/chain.ts'
import { INSTANCE, makeHost } from '../model/host.ts'
import { makeWatch } from '../model/watch.ts'

export const LEASE: Hex = `0x${'ab'.repeat(32)}`
const DAYS_PAID = 30 * 24 * 3_600

export const makeScripted = async () => {
  const host = await makeHost()
  await makeFakeHypervisor(host.machine, INSTANCE).ensureNetwork(host.network)
  const chain = makeModelChain(host.trueMs, host.memoryMiB)
  const watch = makeWatch(host, chain)
  const agent = makeModelAgent(host, chain, watch, makeRandom(1))
  chain.open(LEASE, 512, DAYS_PAID)

  /** Flies and lets time pass until only routine is left. */
  const settle = async (rounds = 60) => {
    let quiet = 0
    for (let round = 0; round < rounds && quiet < 3; round++) {
      const waitMs = await agent.fly(LEASE)
      const status = agent.deps().store.get(LEASE)?.status
      const passing = status === undefined || TRANSIENT.has(status)
      quiet = passing || agent.taken().some(({ kind }) => kind !== 'CheckReady') ? 0 : quiet + 1
      chain.finalize(chain.pending())
      host.pass(Math.max(500, Math.min(waitMs, 5_000)))
    }
    expect(watch.violations).toEqual([])
  }
  const record = () => {
    const vm = agent.deps().store.get(LEASE)
    if (vm === null) throw new RangeError('there is no record yet')
    return vm
  }
  const order = (which: 'reboot' | 'reinstall' | 'restore') => {
    const ledger = watch.ledger(LEASE)
    if (which === 'reboot') ledger.rebootOrders++
    else ledger.exchangeOrders++
    if (which === 'reinstall') ledger.reinstallOrders++
    host.order(LEASE, (wish) => ({ ...wish, [`${which}AtMs`]: host.nowMs() }))
  }
  return {
    host,
    chain,
    agent,
    watch,
    settle,
    record,
    order,
    power: (power: 'on' | 'off') => host.order(LEASE, (wish) => ({ ...wish, power })),
    domain: () => host.machine.find(INSTANCE, LEASE),
    outages: () => agent.deps().outages.of(LEASE),
    close: async () => {
      agent.close()
      await host.release()
    },
  }
}
export type Scripted = Awaited<ReturnType<typeof makeScripted>>
