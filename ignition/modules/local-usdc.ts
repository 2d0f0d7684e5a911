import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'

/** A USDC that behaves as Circle's does, behind a proxy as Circle's is. Local chains only: its owner mints. */
export const localUsdc = buildModule('LocalUsdc', (m) => {
  const owner = m.getAccount(0)
  const implementation = m.contract('MockUSDC', [owner])
  const usdc = m.contract('FiatTokenProxy', [
    implementation,
    m.encodeFunctionCall(implementation, 'initialize', [owner]),
  ])
  return { usdc }
})
