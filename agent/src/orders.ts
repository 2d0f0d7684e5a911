// The part of the composition root that takes orders: signed ones over the API, those of the chain from its logs.
import { type Chain, type Follower, type Journal, makeEventReader } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import type { VmRecord } from './domain/vm.ts'
import type { Disposer } from './lib/disposer.ts'
import { makeAuthority } from './orders/authority.ts'
import { makeChainOrders } from './orders/chain-orders.ts'
import { makeCloseMandates } from './orders/close-mandates.ts'
import { makeCloser } from './orders/closer.ts'
import { makeOrderDesk } from './orders/desk.ts'
import { makeSignedOrders, type SignedOrders } from './orders/signed-orders.ts'
import { makeWishes } from './orders/wishes.ts'
import type { LeaseChain, Log, VmStore } from './reconcile/ports.ts'

const FORGET_MS = 3_600_000

export type OrdersOptions = {
  chain: Chain
  follower: Follower
  journal: Journal
  leases: LeaseChain
  store: Pick<VmStore, 'get'>
  db: Database
  /** How long the disk of an ended lease is kept; so long its orders are. */
  quarantineMs: number
  log: Log
  nowMs: () => number
  random: () => number
  disposer: Disposer
}

/** Ends with `disposer`. Nothing is sent before `start`. */
export const openOrders = (options: OrdersOptions) => {
  const { chain, follower, journal, leases, store, db, log, nowMs, random, disposer } = options
  const { deployment } = chain
  const signed = makeSignedOrders(db)
  const onChain = makeChainOrders(db, makeEventReader(deployment), deployment)
  const finalHeight = () => follower.finalizedThrough()?.height ?? null
  const wishes = makeWishes({ signed, onChain, finalHeight })
  disposer.add(
    follower.onChange((change) => {
      for (const leaseId of onChain.apply(change)) wishes.changed(leaseId)
    }),
  )
  const authority = makeAuthority(chain)
  const desk = makeOrderDesk({
    ...{ chain: leases, deployment, authority, signed, onChain },
    hasBegun: (leaseId) => store.get(leaseId) !== null,
    ...{ changed: wishes.changed, log, nowMs },
  })
  const closer = makeCloser({
    chain,
    authority,
    leases,
    journal,
    mandates: makeCloseMandates(db),
    log,
    nowMs,
    random,
  })
  disposer.add(() => closer.close())
  const forget = () => forgetOrders(signed, store, nowMs() - options.quarantineMs)
  return {
    wishes,
    desk,
    closer,
    start() {
      closer.start()
      forget()
      const timer = setInterval(forget, FORGET_MS)
      disposer.add(() => clearInterval(timer))
    },
  }
}

/** Of leases that were gone by `goneBeforeMs`: their disks are purged, nothing is left that an order could be about. */
const forgetOrders = (
  signed: Pick<SignedOrders, 'leaseIds' | 'forget'>,
  store: { get(leaseId: VmRecord['leaseId']): VmRecord | null },
  goneBeforeMs: number,
) => {
  for (const leaseId of signed.leaseIds()) {
    const vm = store.get(leaseId)
    if (vm?.status === 'Deleted' && vm.sinceMs <= goneBeforeMs) signed.forget(leaseId)
  }
}
