import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import { localUsdc } from './local-usdc.ts'
import type { ProtocolModule } from './protocol.ts'

/**
 * How nodes have done, and the stake in USDC that rests on it. Both ask the escrow for its counters, for good:
 * they are deployed once the escrow has them.
 */
export const makeStanding = (protocol: ProtocolModule, local: boolean) =>
  buildModule('Standing', (m) => {
    const { leaseEscrow, nodeRegistry, timelock } = m.useModule(protocol)
    const usdc = local ? m.useModule(localUsdc).usdc : m.getParameter<string>('usdc')
    const reputation = m.contract('Reputation', [leaseEscrow, timelock, m.getParameter('attester')])
    const premiumStake = m.contract('PremiumStake', [
      usdc,
      nodeRegistry,
      reputation,
      m.getParameter('minimumStake'),
    ])
    return { reputation, premiumStake }
  })
