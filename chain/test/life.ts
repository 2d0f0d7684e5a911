// What may happen to leases beyond being opened, paid and closed: moves that histories of several suites are made of.
import type { Terms } from '@decloud/protocol'
import { type Hex, toHex } from 'viem'
import { ATTESTERS, KEEPER, type Local, OPERATOR } from './local.ts'

/** Machines 2 and 3 of `Local`: they relay for the first. */
const RELAYS = [2, 3] as const
const RELAY_PLACES = 5

export type Life = Awaited<ReturnType<typeof makeLife>>

/**
 * Expects that three nodes are registered and that the tenants have money.
 * @param author index of the account that publishes a template of 100,000 µUSDC with a refund window of ten minutes.
 */
export const makeLife = async (local: Local, author: number) => {
  const template = await local.publish(author, 100_000n, 600)
  for (const relay of RELAYS) await local.registry(OPERATOR, 'setRelayOffer', [relay, RELAY_PLACES])
  const requests: Terms[] = []

  /** Opens a lease for any node. */
  const request = async (tenant: number, change: Partial<Terms> = {}): Promise<Hex> => {
    const terms = local.terms(tenant, 0, change)
    await local.escrow(tenant, 'open', [terms, '0x'])
    requests.push(terms)
    return local.idOf(terms)
  }
  return {
    template,
    requests,
    request,
    assign: (terms: Terms, node: number, by: number = KEEPER) => local.escrow(by, 'assign', [terms, node]),
    /** Terms of a lease from the template, dear enough for its fee. */
    templated: (change: Partial<Terms> = {}): Partial<Terms> => ({
      template,
      templateVersion: 1,
      maxTemplateFee: 100_000n,
      ...change,
    }),
    openStack: async (tenant: number, node: number, count: number, fromBalance = false): Promise<Hex[]> => {
      const stack = Array.from({ length: count }, () => local.terms(tenant, node))
      await local.escrow(tenant, 'openStack', [stack, stack.map(() => '0x'), fromBalance])
      return Promise.all(stack.map(local.idOf))
    },
    credit: (leaseId: Hex, seconds: number) => local.escrow(OPERATOR, 'credit', [leaseId, seconds]),
    /** As many attesters as it takes vote for the same. */
    vote: async (leaseId: Hex, seconds: number) => {
      for (const attester of ATTESTERS.slice(0, 2)) {
        await local.call(attester, 'downtimeQuorum', 'vote', [leaseId, seconds])
      }
    },
    /** Leases that are opened on the first node later pay this relay; 0 for none. */
    chooseRelay: (relay: number) => local.registry(OPERATOR, 'chooseRelay', [1, relay]),
    switchRelay: (leaseIds: readonly Hex[], relay: number) =>
      local.escrow(OPERATOR, 'switchRelay', [leaseIds, relay]),
    startReclaim: (leaseId: Hex) =>
      local.escrow(OPERATOR, 'startReclaim', [leaseId, toHex('moving out', { size: 32 })]),
    reclaim: (leaseId: Hex) => local.escrow(OPERATOR, 'reclaim', [leaseId]),
    releaseFee: (leaseId: Hex) => local.escrow(KEEPER, 'releaseTemplateFee', [leaseId]),
    setAutoRenew: (tenant: number, leaseId: Hex, amount: bigint, budget: bigint, runway: number) =>
      local.call(tenant, 'leaseMandates', 'setAutoRenew', [leaseId, { amount, budget, runway }]),
    renew: (leaseId: Hex) => local.call(KEEPER, 'leaseMandates', 'renew', [leaseId]),
  }
}
