// Everything in one module: what was interrupted is gone on with only by a module that has all of it.
import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import { localUsdc } from './local-usdc.ts'
import { makeProtocol } from './protocol.ts'
import { makeSatellites } from './satellites.ts'
import { makeStanding } from './standing.ts'

/**
 * @param local with a USDC of the chain's own.
 * @param counting whether the escrow counts what nodes do.
 */
export const makeDeCloud = ({ local, counting }: { local: boolean; counting: boolean }) => {
  const protocol = makeProtocol(local)
  const satellites = makeSatellites(protocol)
  return buildModule('DeCloud', (m) => ({
    ...m.useModule(protocol),
    ...m.useModule(satellites),
    ...(counting ? m.useModule(makeStanding(protocol, local)) : {}),
    ...(local ? m.useModule(localUsdc) : {}),
  }))
}
