import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import { zeroAddress } from 'viem'
import type { Plan } from './plan.ts'

/**
 * Owner of everything that has one. It begins in the deployer's hands and without a delay, so that what only an owner
 * may set is set now and not in two days; `wiring.ts` ends both in one transaction. Nobody administers it but itself.
 */
export const makeGovernance = ({ deployer }: Plan) =>
  buildModule('Governance', (m) => ({
    timelock: m.contract('TimelockController', [0n, [deployer], [deployer], zeroAddress]),
  }))
export type GovernanceModule = ReturnType<typeof makeGovernance>
