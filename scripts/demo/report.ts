// What the demo has to show in the end.
import { formatUsdc } from '@decloud/protocol'
import { ROLES } from '../../test/world/market.ts'
import type { World } from '../../test/world/world.ts'
import type { DemoResult } from './lease.ts'

/** One line, money in µUSDC as JSON integers: digits only, never through a float. */
export const jsonOf = (result: DemoResult): string => {
  const fields = {
    leaseId: JSON.stringify(result.leaseId),
    secondsToReady: result.secondsToReady,
    bill: result.bill,
    expectedBill: result.expectedBill,
    refund: result.refund,
    withdrawn: result.withdrawn,
    difference: result.difference,
  }
  return `{${Object.entries(fields)
    .map(([name, value]) => `"${name}":${value}`)
    .join(',')}}`
}

export const billText = (result: DemoResult): string => {
  const seconds = result.endedAt - result.startedAt
  const rows: [string, string][] = [
    ['ready after', `${result.secondsToReady} s`],
    ['ran for', `${seconds} s, from ready to close`],
    ['bill', `${formatUsdc(result.bill)} USDC`],
    ['formula', `⌊${result.pricePerHour} µUSDC/h × ${seconds} s ÷ 3600⌋ = ${result.expectedBill} µUSDC`],
    ['difference', `${result.difference} µUSDC`],
    ['paid in', `${formatUsdc(result.deposited)} USDC`],
    ['refund', `${formatUsdc(result.refund)} USDC, in the closing transaction`],
    ['withdrawn', `${formatUsdc(result.withdrawn)} USDC, by the operator`],
    ['left behind', `${formatUsdc(result.left)} USDC in the escrow`],
  ]
  return rows.map(([name, value]) => `  ${name.padEnd(12)} ${value}`).join('\n')
}

export const addressText = (world: World, dapp: string): string => {
  const { anvil, deployment, keeper, nodes } = world
  const { operator, agent } = nodes[0]!.registered
  const rows: [string, string][] = [
    ['dApp', dapp],
    ['RPC', `${anvil.rpcUrl} (chain ${deployment.chainId})`],
    ['keeper API', keeper.url],
    ['agent API', nodes[0]!.agent().url],
    ['escrow', deployment.leaseEscrow],
    ['registry', deployment.nodeRegistry],
    ['policy', deployment.pricePolicy],
    ['USDC', deployment.usdc],
    ['tenant', anvil.account(ROLES.tenant).address],
    ['operator', anvil.account(operator).address],
    ['agent', anvil.account(agent).address],
  ]
  return rows.map(([name, value]) => `  ${name.padEnd(12)} ${value}`).join('\n')
}

export const keepText = (world: World, dapp: string): string => `
Open ${dapp} in a browser with a wallet. Add this network to the wallet:
  RPC URL ${world.anvil.rpcUrl}, chain id ${world.deployment.chainId}, currency POL
and import the tenant of the local chain by the test mnemonic, second account:
  test test test test test test test test test test test junk
It holds play USDC. Ctrl-C ends everything and leaves nothing behind.`
