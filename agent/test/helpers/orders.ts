// One node with its orders in reach: the real API and reconciler on a real chain, and what the agent makes of orders.
import type { OrderAction } from '@decloud/protocol'
import type { OrderBody } from '@decloud/protocol/wire/order'
import type { Address, Hex, LocalAccount } from 'viem'
import { signOrder } from '../../../scripts/lib/orders.ts'
import { startApi } from '../../src/api/server.ts'
import { type Context, makeContext, type Overrides } from '../../src/context.ts'
import type { Wish } from '../../src/domain/wish.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { makeDisposer } from '../../src/lib/disposer.ts'
import { makeLogger } from '../../src/lib/log.ts'
import type { Bench } from './node.ts'
import { PLENTIFUL } from './resources.ts'

export type Answer = { status: number; code: string | null; body: Record<string, unknown> }

export type OrderNode = Awaited<ReturnType<typeof startOrderNode>>

/** What `makeAgent` starts, with the context left open. The caller closes it. */
export const startOrderNode = async (bench: Bench, overrides: Overrides = {}) => {
  const errors: unknown[] = []
  const disposer = makeDisposer((error) => errors.push(error))
  const log = makeLogger('silent')
  const context = await makeContext(bench.config, bench.secrets, log, disposer, {
    hypervisor: makeFakeHypervisor(bench.machine, bench.instance),
    machine: PLENTIFUL,
    backoff: { baseMs: 50, capMs: 400 },
    sweepMs: 500,
    ...overrides,
  })
  const health = async () => {
    throw new Error('not asked here')
  }
  const api = await startApi({ ...context.served, health }, { port: 0 }, log)
  disposer.add(() => api.close())
  context.reconciler.start()
  context.orders.start()
  return {
    url: api.url,
    context,
    vm: (leaseId: Hex) => context.deps.store.get(leaseId),
    onVm: context.subscribe,
    wish: (leaseId: Hex) => context.deps.wishes.of(leaseId),
    /** Resolves once the wish satisfies `predicate`; looked at on every change of orders and of the chain. */
    wished: (leaseId: Hex, predicate: (wish: Wish) => boolean) =>
      wished(context.deps.wishes, context.follower, leaseId, predicate),
    close: async () => {
      await disposer.dispose()
      if (errors.length > 0) throw errors[0]
    },
  }
}

const WISH_MS = 20_000

const wished = (
  wishes: Context['deps']['wishes'],
  follower: Context['follower'],
  leaseId: Hex,
  predicate: (wish: Wish) => boolean,
): Promise<Wish> =>
  new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      for (const end of ends) end()
      settle()
    }
    const look = () => {
      const wish = wishes.of(leaseId)
      if (predicate(wish)) finish(() => resolve(wish))
    }
    const timer = setTimeout(
      () => finish(() => reject(new Error(`not in ${WISH_MS} ms: ${JSON.stringify(wishes.of(leaseId))}`))),
      WISH_MS,
    )
    const ends = [wishes.subscribe(look), follower.onChange(look)]
    look()
  })

export const postTo = async (url: string, path: string, body: unknown): Promise<Answer> => {
  const response = await fetch(new URL(path, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const answer = (await response.json()) as Record<string, unknown>
  const isProblem = response.headers.get('content-type')?.includes('application/problem+json') === true
  return { status: response.status, code: isProblem ? String(answer['code']) : null, body: answer }
}

/** Signs as `account`, or as a wallet contract of it at `wallet`. */
export const signedBy = async (
  bench: Bench,
  account: LocalAccount,
  order: { leaseId: Hex; action: OrderAction; from?: Hex; node?: number },
  { nowMs, wallet }: { nowMs?: number; wallet?: Address } = {},
): Promise<OrderBody> => {
  const { chain } = bench.tenant
  const body = await signOrder({ chain, account }, { node: bench.registered.node, ...order }, nowMs)
  return wallet === undefined ? body : { ...body, signer: wallet }
}
