// Where the escrow's USDC is, as the ledger tells it, against what the token contract says.
import { mockUSDCAbi } from '@decloud/protocol'
import { decodeFunctionResult, encodeFunctionData } from 'viem'
import type { Ledger } from '../../keeper/src/ports/ledger.ts'
import type { Market } from './market.ts'
import type { World } from './world.ts'

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)

/**
 * Everything that was paid in is in one of four places: in a lease and not settled, held for a template's author, in an
 * internal balance, or earned and not taken out.
 * @returns sentences, µUSDC; empty when it adds up.
 */
export const moneyProblems = async (market: Market, world: World, ledger: Ledger): Promise<string[]> => {
  const { usdc, leaseEscrow } = market.deployment
  const functionName = 'balanceOf'
  const data = encodeFunctionData({ abi: mockUSDCAbi, functionName, args: [leaseEscrow] })
  // The node answers a call with the bytes that it returned.
  const answer = (await world.call({ to: usdc, data }, world.height())) as `0x${string}`
  const holds = decodeFunctionResult({ abi: mockUSDCAbi, functionName, data: answer })
  const leases = ledger.allLeases()
  const owed = {
    leases: sum(leases.map(({ deposited, settled, refunded }) => deposited - settled - refunded)),
    fees: sum(leases.map(({ templateFee }) => templateFee?.held ?? 0n)),
    balances: sum(ledger.accounts().map(({ balance }) => balance)),
    earned: sum(ledger.earned().map(({ earned }) => earned)),
  }
  const problems = leases.flatMap(({ leaseId, deposited, settled, refunded }) =>
    settled >= 0n && refunded >= 0n && settled + refunded <= deposited
      ? []
      : [`lease ${leaseId}: ${settled} settled and ${refunded} refunded of ${deposited}`],
  )
  if (sum(Object.values(owed)) !== holds) {
    const parts = Object.entries(owed).map(([name, amount]) => `${name} ${amount}`)
    problems.push(
      `the escrow holds ${holds}, the ledger knows of ${sum(Object.values(owed))}: ${parts.join(', ')}`,
    )
  }
  return problems
}
