import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import type { ProtocolModule } from './protocol.ts'

/** What stands around the escrow, holds no funds and may be replaced. A further contract is a line here. */
export const makeSatellites = (protocol: ProtocolModule) =>
  buildModule('Satellites', (m) => {
    const { leaseEscrow } = m.useModule(protocol)
    return {
      templateRegistry: m.contract('TemplateRegistry'),
      leaseAccess: m.contract('LeaseAccess', [leaseEscrow]),
      reviews: m.contract('Reviews', [leaseEscrow]),
    }
  })
