// Gives back the time that guests were off against their tenants' wish, once. Each credit has an entry in the book, which
// is written first and names the outages it is for; the journal keeps one transaction under the entry's key. Whatever is
// cut short at any point is taken up from those two.
import { type LeaseView, sentenceOf } from '@decloud/protocol'
import { isAddressEqual } from 'viem'
import { creditPlan } from '../domain/duties.ts'
import type { Credit } from '../state/credit-book.ts'
import { act } from './act.ts'
import type { DutyDeps } from './deps.ts'

const MAX_GAS = 300_000n
const keyOf = ({ id, leaseId }: Credit) => `credit:${leaseId}:${id}`

export const makeCredits = (deps: DutyDeps) => {
  const { chain, outages, credits, log, nowMs, signal } = deps

  const close = (credit: Credit, state: 'given' | 'void') => {
    for (const fromMs of credits.close(credit.id, state)) {
      if (state === 'given') outages.markCredited(credit.leaseId, fromMs, nowMs())
    }
  }

  const send = async (credit: Credit) => {
    const { leaseId, seconds } = credit
    const call = {
      kind: 'credit',
      dedupe: keyOf(credit),
      maxGas: MAX_GAS,
      ...chain.encode.credit(leaseId, seconds),
    }
    const result = await act(deps, 'credit', call, { leaseId, seconds })
    if (result.outcome === 'done') close(credit, 'given')
    // Nothing of it is left to be given back: it has vested, the lease holds nothing back, or it is unknown by now.
    else if (FINAL.has(result.errorName)) close(credit, 'void')
  }

  /** Takes up what an earlier round, or an earlier process, began. @returns whether it may still be on its way. */
  const resume = async (credit: Credit): Promise<void> => {
    switch (chain.sent(keyOf(credit))) {
      case 'underway':
        return
      case 'done':
        return close(credit, 'given')
      case 'never':
      case 'refused':
        return send(credit)
      case 'unsure':
        // Sent again, it could count twice; the operator can still give it by hand.
        log.warn({ duty: 'credit', leaseId: credit.leaseId, seconds: credit.seconds }, UNSURE)
        return close(credit, 'void')
    }
  }

  const begin = async (lease: LeaseView): Promise<void> => {
    const { leaseId } = lease
    const open = outages
      .uncredited()
      .filter((outage) => outage.leaseId === leaseId && !credits.has(leaseId, outage.fromMs))
    const lasting = outages.lasting(leaseId)
    const plan = creditPlan(lease, open, lasting, nowMs())
    if (plan.cut && lasting !== null) {
      outages.end(leaseId, nowMs())
      outages.begin(leaseId, nowMs(), lasting.cause)
    }
    if (plan.outages.length === 0) return
    await send(
      credits.begin(
        leaseId,
        plan.seconds,
        plan.outages.map(({ fromMs }) => fromMs),
      ),
    )
  }

  const hasWork = (lease: LeaseView) =>
    (lease.status === 'Active' || lease.status === 'Ended') && lease.startedAt > 0 && lease.holdBack > 0

  /** @returns whether this agent may do it at all. */
  return async (): Promise<'not-operator' | null> => {
    const view = chain.view()
    if (view === null) return null
    const waiting = new Set(
      outages.uncredited().flatMap(({ leaseId, fromMs }) => (credits.has(leaseId, fromMs) ? [] : [leaseId])),
    )
    const pending = credits.open()
    const leases = view.leases.filter(
      (lease) => hasWork(lease) && (waiting.has(lease.leaseId) || outages.lasting(lease.leaseId) !== null),
    )
    if (leases.length === 0 && pending.length === 0) return null
    if (!isAddressEqual(await chain.operator(), chain.agent)) return 'not-operator'
    for (const credit of pending) {
      if (signal.aborted) return null
      await resume(credit)
    }
    const busy = new Set(credits.open().map(({ leaseId }) => leaseId))
    for (const lease of leases) {
      if (signal.aborted) return null
      if (busy.has(lease.leaseId)) continue
      try {
        await begin(lease)
      } catch (error) {
        // One lease does not keep the others waiting; its entry stays open.
        log.warn({ duty: 'credit', leaseId: lease.leaseId, detail: sentenceOf(error) }, 'a credit waits')
      }
    }
    return null
  }
}

const UNSURE =
  'a credit may or may not have been given: its nonce was used by a transaction that this agent does not know'
const FINAL: ReadonlySet<string> = new Set(['LeaseEscrow_NothingCreditable', 'LeaseEscrow_WrongStatus'])
