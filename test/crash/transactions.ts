// Every transaction that a keeper ever got mined, and what it did. See README.md for what the words mean.
import { leaseEscrowAbi, leaseIdOf, leaseMandatesAbi, type Terms } from '@decloud/protocol'
import { type Address, decodeFunctionData, type Hex } from 'viem'
import type { Local } from '../../chain/test/local.ts'

type Effect = 'effective' | 'no-op' | 'reverted'

export type SentTransaction = {
  keeper: string
  hash: Hex
  block: number
  call: string
  leases: readonly Hex[]
  /** That a lease was, or would have been, assigned to; else 0. */
  node: number
  effect: Effect
  /** Of an assignment: whether its lease was neither assigned nor over after its block, so that it came after nobody. */
  waiting: boolean
  gasUsed: bigint
}

/** Gas of all transactions of one call and effect. */
export type Tally = { call: string; effect: Effect; count: number; gas: bigint }

/** What a call that changes nothing may use: the transaction, its data, and a look at each lease it names. */
const NO_OP_GAS = { call: 60_000n, lease: 10_000n }
const AT_ONCE = 50

const abi = [...leaseEscrowAbi, ...leaseMandatesAbi]

const callOf = (local: Local, input: Hex): Pick<SentTransaction, 'call' | 'leases' | 'node'> => {
  if (input === '0x') return { call: 'fill', leases: [], node: 0 }
  try {
    const { functionName: call, args } = decodeFunctionData({ abi, data: input })
    const [first, second] = (args ?? []) as readonly unknown[]
    if (call === 'assign') {
      const { chainId, leaseEscrow } = local.deployment
      return { call, leases: [leaseIdOf(chainId, leaseEscrow, first as Terms)], node: Number(second) }
    }
    const leases = Array.isArray(first) ? first : typeof first === 'string' ? [first] : []
    return { call, leases: leases as Hex[], node: 0 }
  } catch {
    // A call of a contract beside the escrow, which no chore is about.
    return { call: input.slice(0, 10), leases: [], node: 0 }
  }
}

/** Heights at which leases stopped waiting for a node. By logs: of old blocks the chain keeps no state to trace with. */
const heightsOfChange = async ({ anvil, deployment }: Local): Promise<ReadonlyMap<Hex, number>> => {
  const query = { address: deployment.leaseEscrow, abi: leaseEscrowAbi, fromBlock: 0n, strict: true } as const
  const heights = new Map<Hex, number>()
  for (const eventName of ['LeaseAssigned', 'LeaseEnded'] as const) {
    for (const { args, blockNumber } of await anvil.client.getContractEvents({ ...query, eventName })) {
      const before = heights.get(args.leaseId) ?? Number.POSITIVE_INFINITY
      heights.set(args.leaseId, Math.min(before, Number(blockNumber)))
    }
  }
  return heights
}

/** @param keepers name by address, in lower case. */
export const transactionsOf = async (
  local: Local,
  keepers: ReadonlyMap<string, string>,
): Promise<SentTransaction[]> => {
  const { anvil } = local
  const head = Number(await anvil.client.getBlockNumber())
  const changed = await heightsOfChange(local)
  const found: SentTransaction[] = []
  const read = async (height: number): Promise<SentTransaction[]> => {
    const sent: SentTransaction[] = []
    const block = await anvil.client.getBlock({ blockNumber: BigInt(height), includeTransactions: true })
    for (const { from, hash, input } of block.transactions) {
      const keeper = keepers.get(from.toLowerCase())
      if (keeper === undefined) continue
      const { status, logs, gasUsed } = await anvil.client.getTransactionReceipt({ hash })
      const effect = status === 'reverted' ? 'reverted' : logs.length > 0 ? 'effective' : 'no-op'
      const call = callOf(local, input)
      const waiting =
        call.call === 'assign' && call.leases.every((id) => (changed.get(id) ?? head + 1) > height)
      sent.push({ keeper, hash, block: height, effect, waiting, gasUsed, ...call })
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

const isCostly = ({ effect, gasUsed, leases }: SentTransaction) =>
  effect !== 'effective' && gasUsed > NO_OP_GAS.call + NO_OP_GAS.lease * BigInt(leases.length)

/**
 * Assignments that were refused while their lease still waited: between the look and the block a stranger (a tenant, an
 * agent) took the room that there was. When a keeper itself took it in the same block, it is none: that keeper had
 * forgotten what it had sent.
 */
export const lostRaces = (sent: readonly SentTransaction[]): SentTransaction[] =>
  sent.filter(
    ({ effect, waiting, node, block }) =>
      effect === 'reverted' &&
      waiting &&
      !sent.some(
        (other) =>
          other.call === 'assign' &&
          other.effect === 'effective' &&
          other.node === node &&
          other.block === block,
      ),
  )

/** Transactions that changed nothing, cost more than looking does, and were no race that a stranger won. */
export const costlyNoOps = (sent: readonly SentTransaction[]): SentTransaction[] => {
  const lost = new Set(lostRaces(sent))
  return sent.filter((one) => isCostly(one) && !lost.has(one))
}

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
