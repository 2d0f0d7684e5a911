// What keepers do for all leases, done by a node for its own: by the same rule, so that a node is paid, its tenants are
// renewed and its places come free when there is no keeper at all.
import type { LeaseView } from '@decloud/protocol'
import { type GasPrice, gasCost, isWithin } from '@decloud/protocol/gas'
import { type Chore, choresAt, PLANNED_GAS } from '@decloud/protocol/upkeep'
import { type Address, keccak256 } from 'viem'
import { act } from './act.ts'
import type { DutyDeps } from './deps.ts'
import type { Call } from './ports.ts'

/** Transactions in one round at most. */
const ROUND = 20
const BATCH_SIZE = 50
const MAX_GAS = { call: 300_000n, settleOne: 60_000n }
/** µUSDC of gas at most to end a lease, which earns nobody anything but the place. */
const END_GAS = 50_000n
/** A chore that the contract refused is not asked for again so soon. */
const AGAIN_MS = 10 * 60_000

export const makeUpkeep = (deps: DutyDeps) => {
  const { chain, settings, times, nowMs, signal } = deps
  const notBefore = new Map<string, number>()

  const balancesFor = (leases: readonly LeaseView[]): Promise<ReadonlyMap<Address, bigint>> =>
    chain.balances([
      ...new Set(
        leases.flatMap(({ status, renewal, tenant }) =>
          status === 'Active' && renewal.amount > 0n ? [tenant] : [],
        ),
      ),
    ])

  const callOf = (chore: Chore): Call => {
    const target =
      chore.kind === 'settle'
        ? chain.encode.settle(chore.leaseIds)
        : chain.encode[chore.kind === 'expire' ? 'end' : chore.kind](chore.leaseId)
    const leases = chore.kind === 'settle' ? BigInt(chore.leaseIds.length) : 0n
    const maxGas = MAX_GAS.call + MAX_GAS.settleOne * leases
    return { kind: chore.kind, dedupe: `${chore.kind} ${keccak256(target.data)}`, maxGas, ...target }
  }

  const isAffordable = (chore: Chore, price: GasPrice): boolean => {
    if (chore.kind === 'settle') return true // the plan has seen to it
    const cost = gasCost(PLANNED_GAS.call * 2n, price)
    return chore.kind === 'end' ? cost <= END_GAS : isWithin(cost, chore.moves, settings.gasCapBps)
  }

  const mayDo = (chore: Chore, price: GasPrice): boolean => {
    // The plan itself expires what it did not activate.
    if (chore.kind === 'expire' || !isAffordable(chore, price)) return false
    if (chore.kind === 'settle') return isSettleTime()
    return (notBefore.get(callOf(chore).dedupe) ?? 0) <= nowMs()
  }

  const isSettleTime = () => {
    const since = nowMs() - times.settledAtMs()
    // A clock that was set back does not keep a node from being paid for long.
    return since < 0 || since >= settings.settleEverySeconds * 1_000
  }

  return async (price: GasPrice): Promise<null> => {
    const view = chain.view()
    if (view === null) return null
    const balances = await balancesFor(view.leases)
    const facts = { leases: view.leases, balanceOf: (account: Address) => balances.get(account) ?? 0n }
    const limits = { minSettle: settings.minSettle, batchSize: BATCH_SIZE, gasCapBps: settings.gasCapBps }
    const chores = choresAt(facts, view.chainNow, limits, price).chores.filter((chore) => mayDo(chore, price))
    // All batches of one settlement belong to the same time.
    if (chores.some(({ kind }) => kind === 'settle')) times.settled(nowMs())
    for (const chore of chores.slice(0, ROUND)) {
      if (signal.aborted) return null
      // The effect of the same, sent before, is not in the view yet.
      if (chain.isUnderway(chore.kind)) continue
      const call = callOf(chore)
      const about = chore.kind === 'settle' ? { leases: chore.leaseIds.length } : { leaseId: chore.leaseId }
      notBefore.set(call.dedupe, nowMs() + AGAIN_MS)
      await act(deps, 'upkeep', call, { ...about, moves: String(chore.moves) })
    }
    forget(notBefore, nowMs())
    return null
  }
}

const forget = (notBefore: Map<string, number>, nowMs: number) => {
  for (const [key, at] of notBefore) if (at <= nowMs) notBefore.delete(key)
}
