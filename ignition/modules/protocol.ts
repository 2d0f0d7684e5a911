import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import type { GovernanceModule } from './governance.ts'
import { localUsdc } from './local-usdc.ts'
import type { Plan } from './plan.ts'

/**
 * Where the money is, and what it reads. The escrow creates desk, quorum and mandates with itself; the desk's pointers
 * wait another seven days, in its own code.
 */
export const makeProtocol = (plan: Plan, governance: GovernanceModule) =>
  buildModule('Protocol', (m) => {
    const { timelock } = m.useModule(governance)
    const usdc = plan.usdc ?? m.useModule(localUsdc).usdc
    const pricePolicy = m.contract('PricePolicy', [timelock])
    const nodeRegistry = m.contract('NodeRegistry', [pricePolicy])
    const leaseEscrow = m.contract('LeaseEscrow', [
      usdc,
      nodeRegistry,
      pricePolicy,
      timelock,
      plan.platformPayee,
    ])
    const created = (getter: string, contract: string) =>
      m.contractAt(contract, m.staticCall(leaseEscrow, getter))
    return {
      pricePolicy,
      nodeRegistry,
      leaseEscrow,
      leaseDesk: created('DESK', 'LeaseDesk'),
      downtimeQuorum: created('QUORUM', 'DowntimeQuorum'),
      leaseMandates: created('MANDATES', 'LeaseMandates'),
    }
  })
export type ProtocolModule = ReturnType<typeof makeProtocol>
