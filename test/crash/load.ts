// A market under way: tenants open, pay, renew and close; agents take requests and activate; time moves. Each actor has an
// account of its own and does one thing after another.
import { setTimeout as delay } from 'node:timers/promises'
import { LEASE_STATUSES, leaseEscrowAbi, type Terms } from '@decloud/protocol'
import { BaseError, type Hex, toHex, zeroAddress } from 'viem'
import { type Life, makeLife } from '../../chain/test/life.ts'
import { AGENT, type Local } from '../../chain/test/local.ts'
import type { Random } from '../world/random.ts'

const NODES = [1, 2, 3] as const
const TENANTS = [31, 32, 33, 34] as const
const AUTHOR = 41
/** Seconds that the scheduler alone may assign a request; mirrors `Caps.HEAD_START`. */
const HEAD_START = 60
const TEMPLATE_FEE = 100_000n

type Opened = {
  leaseId: Hex
  terms: Terms
  tenant: number
  /** No agent will ever take it: it has to be expired. */
  neglected: boolean
  openedAt: number
}

export type Load = {
  opened: ReadonlyMap<Hex, Opened>
  /** What was tried, and how often the contract refused it: another actor was first, or time had passed. */
  counts: ReadonlyMap<string, { done: number; refused: number }>
  start(): void
  /** Lets every actor finish what it is at. @throws the first failure of an actor that was not a refusal. */
  stop(): Promise<void>
}

const agentOf = (node: number) => (node === 1 ? AGENT : 100 + node)

const fund = async (local: Local) => {
  for (const index of [...TENANTS, AUTHOR, ...NODES.map(agentOf)]) {
    const { address } = local.anvil.account(index)
    await local.anvil.client.setBalance({ address, value: 100n * 10n ** 18n })
  }
  for (const tenant of TENANTS) {
    await local.fund(tenant, 100_000_000_000n)
    await local.escrow(tenant, 'deposit', [20_000_000n])
  }
}

/** Registers three nodes, publishes a template and gives everybody what they need. Nothing happens before `start`. */
export const makeLoad = async (local: Local, random: Random): Promise<Load> => {
  for (const _ of NODES) await local.register()
  await fund(local)
  const life = await makeLife(local, AUTHOR)
  const opened = new Map<Hex, Opened>()
  const counts = new Map<string, { done: number; refused: number }>()
  const abort = new AbortController()
  let failure: unknown
  let actors: Promise<void>[] = []

  const attempt = async (name: string, act: () => Promise<unknown>) => {
    const count = counts.get(name) ?? { done: 0, refused: 0 }
    counts.set(name, count)
    try {
      await act()
      count.done += 1
    } catch (error) {
      // A refusal of the contract, before or after it was sent; an RPC that fails is none.
      const refused =
        error instanceof BaseError ? /revert/i.test(error.message) : /reverted$/.test(String(error))
      if (!refused) throw error
      count.refused += 1
    }
  }

  const actor = async (act: () => Promise<unknown>, pauseMs: () => number) => {
    while (!abort.signal.aborted) {
      try {
        await act()
      } catch (error) {
        failure ??= error
        return
      }
      await delay(pauseMs(), undefined, { signal: abort.signal }).catch(() => {})
    }
  }

  const context = { local, life, opened, attempt }
  return {
    opened,
    counts,
    start: () => {
      actors = [
        ...TENANTS.map((tenant) => {
          const own = random.fork(`tenant ${tenant}`)
          return actor(tenantOf(context, tenant, own), () => own.between(100, 700))
        }),
        ...NODES.map((node) => actor(agentActor(context, node, random.fork(`agent ${node}`)), () => 250)),
        actor(clockOf(local, random.fork('clock')), () => 1_500),
      ]
    },
    stop: async () => {
      abort.abort()
      await Promise.all(actors)
      if (failure !== undefined) throw failure
    },
  }
}

type Context = {
  local: Local
  life: Life
  opened: Map<Hex, Opened>
  attempt(name: string, act: () => Promise<unknown>): Promise<void>
}

const tenantOf = ({ local, life, opened, attempt }: Context, tenant: number, random: Random) => {
  const mine = () => [...opened.values()].filter((lease) => lease.tenant === tenant)
  const termsOf = (node: number): Terms => {
    const templated = random.chance(0.25)
    const change: Partial<Terms> = {
      deposit: BigInt(random.between(10_000, 300_000)) + (templated ? TEMPLATE_FEE : 0n),
      holdBack: random.pick([60, 600, 3_600]),
      activateWithin: random.pick([300, 900, 3_600]),
    }
    return local.terms(tenant, node, templated ? life.templated(change) : change)
  }
  const note = async (terms: Terms) => {
    const leaseId = await local.idOf(terms)
    const openedAt = Number((await local.anvil.client.getBlock()).timestamp)
    opened.set(leaseId, { leaseId, terms, tenant, neglected: random.chance(0.1), openedAt })
  }
  const open = (node: number) => async () => {
    const terms = termsOf(node)
    await local.escrow(tenant, 'open', [terms, '0x'])
    await note(terms)
  }
  const openStack = async () => {
    const stack = [termsOf(1), termsOf(1)]
    await local.escrow(tenant, 'openStack', [stack, stack.map(() => '0x'), false])
    for (const terms of stack) await note(terms)
  }
  const withMine = (act: (leaseId: Hex) => Promise<unknown>) => async () => {
    const known = mine()
    if (known.length > 0) await act(random.pick(known.slice(-20)).leaseId)
  }
  const acts: readonly [number, string, () => Promise<unknown>][] = [
    [35, 'open targeted', () => open(random.pick(NODES))()],
    [15, 'open untargeted', open(0)],
    [5, 'open a stack', openStack],
    [
      15,
      'top up',
      withMine((id) => local.escrow(tenant, 'topUp', [id, BigInt(random.between(5_000, 80_000))])),
    ],
    [
      15,
      'close',
      withMine((id) => {
        const to = random.chance(0.5) ? zeroAddress : local.anvil.account(tenant).address
        return local.escrow(tenant, 'close', [id, to])
      }),
    ],
    [15, 'set auto-renew', withMine((id) => life.setAutoRenew(tenant, id, 40_000n, 120_000n, 3_600))],
  ]
  const total = acts.reduce((sum, [weight]) => sum + weight, 0)
  return () => {
    let roll = random.next() * total
    const chosen = acts.find(([weight]) => {
      roll -= weight
      return roll < 0
    })
    const [, name, act] = chosen ?? acts[0]!
    return attempt(name, act)
  }
}

/** The agent of one node: assigns itself what the scheduler left, activates what is its own. */
const agentActor = ({ local, life, opened, attempt }: Context, node: number, random: Random) => {
  const over = new Set<Hex>()
  const statusOf = async (leaseId: Hex) => {
    const lease = await local.anvil.client.readContract({
      ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
      functionName: 'leaseOf',
      args: [leaseId],
    })
    return { status: LEASE_STATUSES[lease.status], node: lease.node }
  }
  return async () => {
    const { timestamp } = await local.anvil.client.getBlock()
    for (const { leaseId, terms, neglected, openedAt } of [...opened.values()]) {
      if (neglected || over.has(leaseId)) continue
      const lease = await statusOf(leaseId)
      const isRequest = lease.status === 'Requested'
      if (lease.status === 'Ended' || lease.status === 'Active' || (!isRequest && lease.node !== node)) {
        over.add(leaseId)
      } else if (isRequest && Number(timestamp) > openedAt + HEAD_START + 1 && random.chance(0.4)) {
        await attempt('assign', () => life.assign(terms, node, agentOf(node)))
      } else if (lease.status === 'Assigned' && random.chance(0.8)) {
        const args = [leaseId, toHex(random.between(1, 2 ** 31), { size: 32 })]
        await attempt('activate', () => local.escrow(agentOf(node), 'activate', args))
      }
    }
  }
}

const clockOf = (local: Local, random: Random) => async () => {
  const roll = random.next()
  const seconds =
    roll < 0.7
      ? random.between(5, 120)
      : roll < 0.95
        ? random.between(120, 1_200)
        : random.between(3_600, 20_000)
  await local.anvil.moveTime(seconds)
}
