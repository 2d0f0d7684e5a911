// Room that is booked for a lease of which the chain shows nothing here, after a reorg. Nothing is done about its guest,
// but what neither runs nor is about to holds no room: a booking is a promise, and there is nobody who was given one.
import type { Hex } from 'viem'
import type { Deps } from './ports.ts'

/** @returns whether the chain shows the lease on this node, over or not. */
export const isShown = (chain: Deps['chain'], leaseId: Hex): boolean =>
  chain.snapshot().leases.get(leaseId)?.latest?.node === chain.node

/** Rejects when the machine cannot be read; nothing is freed while the view of the chain is not current. */
export const freeNowhere = async (deps: Pick<Deps, Used>): Promise<void> => {
  const { chain, hypervisor, log } = deps
  const { ledger } = deps.resources
  const isNowhere = (leaseId: Hex) => chain.snapshot().fresh && !isShown(chain, leaseId)
  if (!ledger.all().some(({ leaseId }) => isNowhere(leaseId))) return
  const domains = new Map((await hypervisor.list()).map((domain) => [domain.leaseId, domain.state]))
  for (const { leaseId, gpus } of ledger.all()) {
    const state = domains.get(leaseId)
    // The description of a guest names its GPUs for as long as it is there.
    const isAway = state === undefined || (gpus === 0 && (state === 'stopped' || state === 'crashed'))
    if (!isNowhere(leaseId) || !isAway || isInHand(deps, leaseId)) continue
    ledger.release(leaseId)
    log.warn({ leaseId }, 'the chain shows nothing of this lease, and its guest is off: its room is free')
  }
}
type Used = 'chain' | 'hypervisor' | 'log' | 'nowMs' | 'resources' | 'store'

/** Steps of before the reorg may be under way. */
const isInHand = ({ store, nowMs }: Pick<Deps, 'store' | 'nowMs'>, leaseId: Hex): boolean => {
  const vm = store.get(leaseId)
  return vm?.status === 'Provisioning' && vm.deadlineMs !== null && vm.deadlineMs > nowMs()
}
