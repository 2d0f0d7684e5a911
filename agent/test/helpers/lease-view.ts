// A lease as the chain shows it, for tests that need one without a chain.
import type { LeaseView } from '@decloud/protocol'
import type { Hex } from 'viem'

/** Assigned to node 1 and nothing more has come of it; `change` says what is otherwise. */
export const leaseView = (leaseId: Hex, change: Partial<LeaseView> = {}): LeaseView => ({
  leaseId,
  status: 'Assigned',
  tenant: '0x00000000000000000000000000000000000000aa',
  terms: {} as LeaseView['terms'], // whoever reads them gives them
  manifest: '0x01',
  requestedAtBlock: 1n,
  node: 1,
  pricePerHour: 3_600n,
  minCharge: 0,
  notice: 0,
  platformBps: 0,
  relay: 0,
  relayBps: 0,
  activateBy: 0,
  startedAt: 0,
  hostKeyFingerprint: null,
  deposited: 0n,
  settled: 0n,
  paidBefore: 0n,
  credited: 0,
  holdBack: 0,
  reclaimAt: 0,
  formerRelays: [],
  templateFee: null,
  renewal: { amount: 0n, budget: 0n, runway: 0 },
  endReason: 'None',
  endedAt: 0,
  due: 0n,
  refunded: 0n,
  ...change,
})
