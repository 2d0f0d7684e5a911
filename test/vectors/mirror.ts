// The TypeScript mirror under the same names as the EVM harness.
import { accruedDown, effectivePrices, hourlyPrice, runsOutAt, sharesDown } from '@decloud/protocol'
import type { BillingCase, PricingCase, SharesCase } from './cases.ts'

const meterOf = (c: BillingCase) => ({
  pricePerHour: c.pricePerHour,
  deposited: c.deposited,
  settled: 0n,
  paidBefore: c.paidBefore,
  startedAt: Number(c.startedAt),
  endedAt: 0,
  credited: Number(c.credited),
  holdBack: 0,
  minCharge: 0,
  endReason: 'None',
})

export const mirror = {
  pricing: (c: PricingCase) => hourlyPrice(c, effectivePrices(c.node, c), c.multiplierBps, c.bandwidthRate),
  billing: (c: BillingCase) => ({
    accrued: accruedDown(meterOf(c), Number(c.timestamp)),
    runsOutAt: runsOutAt(meterOf(c)),
  }),
  shares: (c: SharesCase) => sharesDown(c.amount, c.platformBps, c.relayBps),
}
