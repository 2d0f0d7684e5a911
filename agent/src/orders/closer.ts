// A tenant's signed close, carried out by the node itself: without gas of the tenant and without any keeper. What is on
// disk is sent until the chain says that the lease has ended; nothing of the guest is touched here.
import { type Chain, type Journal, RevertError, revertOf } from '@decloud/chain'
import { closeMandate, leaseMandatesAbi, sentenceOf } from '@decloud/protocol'
import type { CloseBody } from '@decloud/protocol/wire/order'
import { encodeFunctionData, type Hex, hashTypedData } from 'viem'
import { type Backoff, backoffMs } from '../lib/backoff.ts'
import type { LeaseChain, Log } from '../reconcile/ports.ts'
import type { Authority } from './authority.ts'
import type { CloseMandate, CloseMandates } from './close-mandates.ts'
import { notYours, over, tooMany, viewHere } from './desk.ts'
import { makeLimiter } from './limiter.ts'

/** Each costs the node a simulation. */
const CHECKED_PER_MINUTE = 6
/** Questions to wallets, for mandates that no key of the tenant has signed, a minute. */
const ASKED_PER_MINUTE = 12
/** Refused by the contract so often although the simulation passed, a mandate is given up: its gas is the node's. */
const MAX_REFUSALS = 3
const PACE: Backoff = { baseMs: 2_000, capMs: 60_000 }

export type CloserOptions = {
  chain: Chain
  authority: Pick<Authority, 'ownsKey' | 'isWalletOf'>
  leases: Pick<LeaseChain, 'node' | 'snapshot' | 'subscribe'>
  journal: Pick<Journal, 'address' | 'send'>
  mandates: CloseMandates
  log: Log
  nowMs: () => number
  random: () => number
}

type Slot = { refusals: number; failures: number; notBeforeMs: number; sending: Promise<void> | null }

export const makeCloser = (options: CloserOptions) => {
  const { chain, authority, leases, journal, mandates, log, nowMs, random } = options
  const mayAsk = makeLimiter(ASKED_PER_MINUTE, nowMs)
  const mayCheck = makeLimiter(CHECKED_PER_MINUTE, nowMs)
  const slots = new Map<Hex, Slot>()
  let closed = false
  let timer: NodeJS.Timeout | null = null

  const intentOf = ({ leaseId, refundTo, nonce, deadline, signature }: CloseMandate) => ({
    ...{ kind: 'close', dedupe: `close:${leaseId}`, to: chain.deployment.leaseMandates },
    data: encodeFunctionData({
      ...{ abi: leaseMandatesAbi, functionName: 'closeBySig' },
      args: [leaseId, refundTo, nonce, deadline, signature],
    }),
  })

  const simulate = (mandate: CloseMandate) =>
    chain.request('simulate the close', async (client) => {
      const { kind, dedupe, to, data } = intentOf(mandate)
      try {
        await client.call({ account: journal.address, to, data })
      } catch (error) {
        throw revertOf({ kind, dedupe, to, data }, error) ?? error
      }
    })

  /** Before anything else is said: a stranger learns nothing from a signature that is none. */
  const checkSigned = async (leaseId: Hex, { to, nonce, deadline, signature }: CloseBody) => {
    const lease = viewHere(leases, leaseId)
    const digest = hashTypedData(closeMandate(chain.deployment, { leaseId, to, nonce, deadline }))
    const byKey = lease !== undefined && (await authority.ownsKey(lease.tenant, digest, signature))
    if (!byKey && !mayAsk(leaseId)) throw tooMany()
    if (lease === undefined) throw notYours()
    if (!byKey && !(await authority.isWalletOf(lease.tenant, digest, signature))) throw notYours()
    if (lease.status === 'Ended') throw over()
  }

  const slotOf = (leaseId: Hex): Slot => {
    const slot = slots.get(leaseId) ?? { refusals: 0, failures: 0, notBeforeMs: 0, sending: null }
    slots.set(leaseId, slot)
    return slot
  }

  const giveUp = (leaseId: Hex, why: string) => {
    mandates.drop(leaseId)
    slots.delete(leaseId)
    log.warn({ leaseId, why }, 'the signed close is given up')
  }

  const send = async (mandate: CloseMandate, slot: Slot) => {
    try {
      await journal.send(intentOf(mandate))
      slot.failures = 0
      // Seen in the logs within a block or two; should a reorg take it, it is sent again then.
      slot.notBeforeMs = nowMs() + PACE.capMs
    } catch (error) {
      if (closed) return
      slot.failures += 1
      if (error instanceof RevertError) slot.refusals += 1
      log.warn(
        { leaseId: mandate.leaseId, detail: sentenceOf(error) },
        'the signed close was not carried out',
      )
      if (slot.refusals >= MAX_REFUSALS) return giveUp(mandate.leaseId, sentenceOf(error))
      slot.notBeforeMs = nowMs() + backoffMs(slot.failures, random(), PACE)
    }
  }

  const work = () => {
    if (closed) return
    const { leases: sights, chainNow } = leases.snapshot()
    for (const mandate of mandates.all()) {
      const { leaseId, deadline } = mandate
      const sight = sights.get(leaseId)
      const slot = slotOf(leaseId)
      if (slot.sending !== null) continue
      if (sight?.finalized?.status === 'Ended') {
        mandates.drop(leaseId)
        slots.delete(leaseId)
      } else if (sight?.latest?.status === 'Ended' || chainNow === null) {
        // Perhaps not for ever: kept until it is final.
      } else if (BigInt(chainNow) > deadline) {
        giveUp(leaseId, 'its deadline has passed')
      } else if (slot.notBeforeMs <= nowMs()) {
        slot.sending = send(mandate, slot).finally(() => {
          slot.sending = null
        })
      }
    }
  }

  const unsubscribe = leases.subscribe(work)

  return {
    start() {
      timer = setInterval(work, PACE.baseMs)
      work()
    },
    /**
     * Resolves when the mandate has passed a simulation and is on disk; it is sent from there.
     * @param leaseId lower case.
     * @throws OrderRefusal `lease-unknown`, `lease-over`, `order-rate`; RevertError when the contract refuses;
     *   ChainError when the chain cannot be asked.
     */
    accept: async (leaseId: Hex, body: CloseBody): Promise<void> => {
      await checkSigned(leaseId, body)
      if (!mayCheck(leaseId)) throw tooMany()
      const { to, nonce, deadline, signature } = body
      const mandate = { leaseId, refundTo: to, nonce, deadline, signature, receivedMs: nowMs() }
      await simulate(mandate)
      mandates.put(mandate)
      slots.delete(leaseId)
      log.info({ leaseId }, 'signed close taken')
      work()
    },
    /** What is on the way goes on with the journal's next start. */
    async close() {
      closed = true
      unsubscribe()
      if (timer !== null) clearInterval(timer)
    },
  }
}
export type Closer = ReturnType<typeof makeCloser>
