import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import { governance } from './governance.ts'
import { localUsdc } from './local-usdc.ts'

/**
 * Where the money is, and what it reads. The escrow's pointers wait another seven days, in its own code.
 * @param local with a USDC of the chain's own; elsewhere the parameter `usdc` is Circle's.
 */
export const makeProtocol = (local: boolean) =>
  buildModule('Protocol', (m) => {
    const usdc = local ? m.useModule(localUsdc).usdc : m.getParameter<string>('usdc')
    const { timelock } = m.useModule(governance)
    const pricePolicy = m.contract('PricePolicy', [timelock])
    const nodeRegistry = m.contract('NodeRegistry', [pricePolicy])
    const leaseEscrow = m.contract('LeaseEscrow', [
      usdc,
      nodeRegistry,
      pricePolicy,
      timelock,
      m.getParameter('platformPayee'),
    ])
    return { timelock, pricePolicy, nodeRegistry, leaseEscrow }
  })
export type ProtocolModule = ReturnType<typeof makeProtocol>
