import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import type { GovernanceModule } from './governance.ts'
import { localUsdc } from './local-usdc.ts'
import type { Plan } from './plan.ts'
import type { ProtocolModule } from './protocol.ts'

/** What stands around the escrow, holds no lease money and may be replaced. A further contract is a line here. */
export const makeSatellites = (plan: Plan, governance: GovernanceModule, protocol: ProtocolModule) =>
  buildModule('Satellites', (m) => {
    const { timelock } = m.useModule(governance)
    const { leaseEscrow, nodeRegistry } = m.useModule(protocol)
    const usdc = plan.usdc ?? m.useModule(localUsdc).usdc
    const reviews = m.contract('Reviews', [leaseEscrow])
    const reputation = m.contract('Reputation', [leaseEscrow, timelock, plan.attesters[0]!])
    const premiumStake = m.contract('PremiumStake', [usdc, nodeRegistry, reputation, plan.minimumStake])
    return {
      templateRegistry: m.contract('TemplateRegistry'),
      leaseAccess: m.contract('LeaseAccess', [leaseEscrow]),
      reviews,
      reputation,
      premiumStake,
      payouts: m.contract('Payouts', [leaseEscrow]),
      deCloudLens: m.contract('DeCloudLens', [leaseEscrow, reviews, reputation, premiumStake]),
    }
  })
export type SatellitesModule = ReturnType<typeof makeSatellites>
