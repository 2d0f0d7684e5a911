// One chore from the plan to what may be sent: asked of the chain as it is now, a moment before it is sent. What somebody
// else did meanwhile, what would be refused, and what costs too much for what it moves is left out, with the reason.
import { DecloudError, leaseEscrowAbi, leaseMandatesAbi, sentenceOf } from '@decloud/protocol'
import { type GasPrice, gasCost, isWithin } from '@decloud/protocol/gas'
import type { Chore, ChoreKind } from '@decloud/protocol/upkeep'
import { type Address, encodeFunctionData, type Hex } from 'viem'
import type { ChoreCall, ChoreChain } from '../ports/chores.ts'

/** Why something was not sent: nothing left to do, refused by the contract, or too dear for now. */
export type Reason = 'done-already' | 'refused' | 'too-dear' | 'round-budget'
export type Left = { kind: ChoreKind; leases: number; reason: Reason; sentence: string }

/** `leastGas`: a settlement may have more to do when it is mined than now. Costs are µUSDC. */
export type Ready = { chore: Chore; call: ChoreCall; leastGas: bigint; gas: bigint; cost: bigint }

export type ChoreTargets = { leaseEscrow: Address; leaseMandates: Address }
export type ChoreCaps = {
  gasCapBps: bigint
  /** µUSDC of gas at most for a chore that earns nobody anything. */
  choreGas: bigint
}

// Every slot of a lease, its node and its relay cold and changed; what is not used is not paid.
const LEAST_GAS = { call: 60_000n, settleOne: 45_000n }
// A batch of a hundred in single pieces, with the halves on the way there.
const MAX_SIMULATIONS = 200

const IN_ESCROW = { expire: 'expire', end: 'end', release: 'releaseTemplateFee' } as const

const dataOf = (chore: Chore): Hex => {
  if (chore.kind === 'settle') {
    const args = [[...chore.leaseIds]] as const
    return encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'settle', args })
  }
  const args = [chore.leaseId] as const
  return chore.kind === 'renew'
    ? encodeFunctionData({ abi: leaseMandatesAbi, functionName: 'renew', args })
    : encodeFunctionData({ abi: leaseEscrowAbi, functionName: IN_ESCROW[chore.kind], args })
}

const callOf = (chore: Chore, { leaseEscrow, leaseMandates }: ChoreTargets): ChoreCall => ({
  kind: chore.kind,
  to: chore.kind === 'renew' ? leaseMandates : leaseEscrow,
  data: dataOf(chore),
})

export const leasesIn = (chore: Chore): number => (chore.kind === 'settle' ? chore.leaseIds.length : 1)

const isRefusal = (error: unknown) => error instanceof DecloudError && error.code === 'simulation-reverted'

/** @returns what to send and what was left out; throws what is neither a refusal nor an answer. */
export const makePreparer = (chain: ChoreChain, targets: ChoreTargets, caps: ChoreCaps) => {
  const left = (chore: Chore, reason: Reason, sentence: string): Left => ({
    ...{ kind: chore.kind, leases: leasesIn(chore), reason, sentence },
  })

  const estimate = async (chore: Chore): Promise<bigint | Left> => {
    try {
      return await chain.estimate(callOf(chore, targets))
    } catch (error) {
      if (isRefusal(error)) return left(chore, 'refused', sentenceOf(error))
      throw error
    }
  }

  const isAffordable = (chore: Chore, cost: bigint): boolean =>
    chore.kind === 'expire' || chore.kind === 'end'
      ? cost <= caps.choreGas
      : isWithin(cost, chore.moves, caps.gasCapBps)

  const priced = (chore: Chore, gas: bigint, price: GasPrice): Ready | Left => {
    const cost = gasCost(gas, price)
    if (!isAffordable(chore, cost)) {
      return left(
        chore,
        'too-dear',
        `Its gas costs ${cost} µUSDC and it moves ${chore.moves} µUSDC: it waits.`,
      )
    }
    const leastGas =
      chore.kind === 'settle' ? LEAST_GAS.call + LEAST_GAS.settleOne * BigInt(chore.leaseIds.length) : 0n
    return { chore, call: callOf(chore, targets), leastGas, gas, cost }
  }

  type Gain = { leaseId: Hex; gain: bigint }
  const settleOf = (gains: readonly Gain[]): Chore => ({
    kind: 'settle',
    leaseIds: gains.map(({ leaseId }) => leaseId),
    moves: gains.reduce((sum, { gain }) => sum + gain, 0n),
  })

  /** A batch whose simulation fails is halved until the pieces pass or are single; each simulation is counted. */
  const bisected = async (gains: readonly Gain[], price: GasPrice, budget: { left: number }) => {
    const chore = settleOf(gains)
    budget.left -= 1
    const gas = await estimate(chore)
    if (typeof gas === 'bigint') return [priced(chore, gas, price)]
    if (gains.length === 1 || budget.left <= 0) return [gas]
    const middle = gains.length >>> 1
    const halves: (Ready | Left)[] = []
    for (const half of [gains.slice(0, middle), gains.slice(middle)]) {
      halves.push(...(await bisected(half, price, budget)))
    }
    return halves
  }

  return async (chore: Chore, price: GasPrice): Promise<(Ready | Left)[]> => {
    if (chore.kind !== 'settle') {
      const gas = await estimate(chore)
      return [typeof gas === 'bigint' ? priced(chore, gas, price) : gas]
    }
    const gains = await chain.gains(chore.leaseIds)
    const worth = chore.leaseIds.flatMap((leaseId, i) =>
      (gains[i] ?? 0n) > 0n ? [{ leaseId, gain: gains[i]! }] : [],
    )
    const gone = chore.leaseIds.length - worth.length
    const settled: Left[] =
      gone === 0
        ? []
        : [{ kind: 'settle', leases: gone, reason: 'done-already', sentence: 'Nothing is left to settle.' }]
    return worth.length === 0
      ? settled
      : [...settled, ...(await bisected(worth, price, { left: MAX_SIMULATIONS }))]
  }
}
