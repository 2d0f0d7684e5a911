import { setTimeout as delay } from 'node:timers/promises'
import { leaseEscrowAbi } from '@decloud/protocol'
import type { Hex } from 'viem'
import { expect } from 'vitest'
import type { Bench } from '../helpers/node.ts'

/** Asks until the answer fits, and gives it; rejects with the last one. */
export const eventually = async <answer>(
  ask: () => answer | Promise<answer>,
  fits: (answer: answer) => boolean,
  deadlineMs = 30_000,
): Promise<answer> => {
  const end = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    if (performance.now() > end)
      throw new Error(`not in ${deadlineMs} ms, last: ${JSON.stringify(answer, text)}`)
    await delay(50)
  }
}
const text = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)

export const leaseOf = (bench: Bench, leaseId: Hex) =>
  bench.anvil.client.readContract({
    ...{
      address: bench.deployment.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'leaseOf',
      args: [leaseId],
    },
  })

type EventName = 'LeaseCredited' | 'LeaseSettled' | 'LeaseAssigned' | 'LeaseEnded' | 'ReclaimStarted'

/** All events of one kind about a lease, from the chain itself. */
export const eventsOf = async <name extends EventName>(bench: Bench, eventName: name, leaseId: Hex) =>
  bench.anvil.client.getContractEvents({
    address: bench.deployment.leaseEscrow,
    abi: leaseEscrowAbi,
    eventName,
    args: { leaseId } as never, // every one of these events has it as its first topic
    fromBlock: 0n,
    strict: true,
  })

/** The node's payee lets its agent credit and reclaim. */
export const entrust = async (bench: Bench, to = bench.anvil.account(bench.registered.agent).address) => {
  const hash = await bench.anvil.wallet(bench.registered.operator).writeContract({
    address: bench.deployment.leaseEscrow,
    abi: leaseEscrowAbi,
    functionName: 'setOperator',
    args: [bench.registered.node, to],
  })
  const { status } = await bench.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  expect(status).toBe('success')
}
