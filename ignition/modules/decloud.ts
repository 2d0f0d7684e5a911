// Everything in one module: what was interrupted is gone on with only by a module that has all of it.
import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import { makeGovernance } from './governance.ts'
import { localUsdc } from './local-usdc.ts'
import type { Plan } from './plan.ts'
import { makeProtocol } from './protocol.ts'
import { makeSatellites } from './satellites.ts'
import { makeWiring } from './wiring.ts'

export const makeDeCloud = (plan: Plan) => {
  const governance = makeGovernance(plan)
  const protocol = makeProtocol(plan, governance)
  const satellites = makeSatellites(plan, governance, protocol)
  const wiring = makeWiring(plan, { governance, protocol, satellites })
  return buildModule('DeCloud', (m) => {
    m.useModule(wiring)
    return {
      ...m.useModule(governance),
      ...m.useModule(protocol),
      ...m.useModule(satellites),
      ...(plan.usdc === undefined ? m.useModule(localUsdc) : {}),
    }
  })
}
