// Every transaction that a keeper ever got mined, and what it did. See README.md for what the words mean.
import { leaseEscrowAbi, leaseMandatesAbi } from '@decloud/protocol'
import { type Address, decodeFunctionData, type Hex } from 'viem'
import type { Local } from '../../chain/test/local.ts'

type Effect = 'effective' | 'no-op' | 'reverted'

export type SentTransaction = {
  keeper: string
  hash: Hex
  call: string
  leases: readonly Hex[]
  effect: Effect
  gasUsed: bigint
}

/** Gas of all transactions of one call and effect. */
export type Tally = { call: string; effect: Effect; count: number; gas: bigint }

/** What a call that changes nothing may use: the transaction, its data, and a look at each lease it names. */
const NO_OP_GAS = { call: 60_000n, lease: 10_000n }
const AT_ONCE = 50

const abi = [...leaseEscrowAbi, ...leaseMandatesAbi]

const callOf = (input: Hex): Pick<SentTransaction, 'call' | 'leases'> => {
  if (input === '0x') return { call: 'fill', leases: [] }
  try {
    const { functionName, args } = decodeFunctionData({ abi, data: input })
    const [first] = (args ?? []) as readonly unknown[]
    const leases = Array.isArray(first) ? first : typeof first === 'string' ? [first] : []
    return { call: functionName, leases: leases as Hex[] }
  } catch {
    // A call of a contract beside the escrow, which no chore is about.
    return { call: input.slice(0, 10), leases: [] }
  }
}

/** @param keepers name by address, in lower case. */
export const transactionsOf = async (
  { anvil }: Local,
  keepers: ReadonlyMap<string, string>,
): Promise<SentTransaction[]> => {
  const head = Number(await anvil.client.getBlockNumber())
  const found: SentTransaction[] = []
  const read = async (height: number): Promise<SentTransaction[]> => {
    const sent: SentTransaction[] = []
    const block = await anvil.client.getBlock({ blockNumber: BigInt(height), includeTransactions: true })
    for (const { from, hash, input } of block.transactions) {
      const keeper = keepers.get(from.toLowerCase())
      if (keeper === undefined) continue
      const { status, logs, gasUsed } = await anvil.client.getTransactionReceipt({ hash })
      const effect = status === 'reverted' ? 'reverted' : logs.length > 0 ? 'effective' : 'no-op'
      sent.push({ keeper, hash, effect, gasUsed, ...callOf(input) })
    }
    return sent
  }
  for (let at = 0; at <= head; at += AT_ONCE) {
    const heights = Array.from({ length: Math.min(AT_ONCE, head - at + 1) }, (_, i) => at + i)
    found.push(...(await Promise.all(heights.map(read))).flat())
  }
  return found
}

export const tallyOf = (sent: readonly SentTransaction[]): Tally[] => {
  const tallies = new Map<string, Tally>()
  for (const { call, effect, gasUsed } of sent) {
    const key = `${call} ${effect}`
    const tally = tallies.get(key) ?? { call, effect, count: 0, gas: 0n }
    tallies.set(key, { ...tally, count: tally.count + 1, gas: tally.gas + gasUsed })
  }
  return [...tallies.values()].sort((a, b) => `${a.call} ${a.effect}`.localeCompare(`${b.call} ${b.effect}`))
}

/** Transactions that changed nothing and cost more than looking does. */
export const costlyNoOps = (sent: readonly SentTransaction[]): SentTransaction[] =>
  sent.filter(
    ({ effect, gasUsed, leases }) =>
      effect !== 'effective' && gasUsed > NO_OP_GAS.call + NO_OP_GAS.lease * BigInt(leases.length),
  )

type Once = { event: string; lease: Hex; times: number }

/**
 * What happened more often than it may: a lease is assigned, activated and ended once and its fee paid once; each
 * settlement credits more than the one before.
 */
export const doubleEffects = async ({ anvil, deployment }: Local): Promise<Once[]> => {
  const query = { abi: leaseEscrowAbi, fromBlock: 0n, strict: true } as const
  const address: Address = deployment.leaseEscrow
  const doubles: Once[] = []
  const once = async (
    eventName: 'LeaseAssigned' | 'LeaseActivated' | 'LeaseEnded' | 'TemplateFeePaid' | 'TemplateFeeRefunded',
  ) => {
    const times = new Map<Hex, number>()
    for (const { args } of await anvil.client.getContractEvents({ ...query, address, eventName })) {
      times.set(args.leaseId, (times.get(args.leaseId) ?? 0) + 1)
    }
    for (const [lease, count] of times) {
      if (count > 1) doubles.push({ event: eventName, lease, times: count })
    }
  }
  await once('LeaseAssigned')
  await once('LeaseActivated')
  await once('LeaseEnded')
  await once('TemplateFeePaid')
  await once('TemplateFeeRefunded')
  const settled = new Map<Hex, bigint>()
  for (const { args } of await anvil.client.getContractEvents({
    ...{ ...query, address, eventName: 'LeaseSettled' },
  })) {
    if (args.settled <= (settled.get(args.leaseId) ?? 0n)) {
      doubles.push({ event: 'LeaseSettled', lease: args.leaseId, times: 2 })
    }
    settled.set(args.leaseId, args.settled)
  }
  return doubles
}
