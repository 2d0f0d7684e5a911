// All that ever happened to the leases that bring this node money: its own, and those of nodes whose relay it is or was.
import { type Chain, pastLogs } from '@decloud/chain'
import {
  applyLeaseEvent,
  type LeaseView,
  leaseEscrowAbi,
  leaseSources,
  makeLogDecoder,
  nodeRegistryAbi,
  type ProtocolEvent,
} from '@decloud/protocol'
import {
  type Abi,
  type AbiEvent,
  type Address,
  getAbiItem,
  type Hex,
  numberToHex,
  toEventSelector,
} from 'viem'

/** Ids in one filter: providers cap those too. */
const IDS_AT_ONCE = 100

export type Withdrawal = {
  /** Unix seconds. */
  readonly at: number
  readonly block: bigint
  readonly transaction: Hex
  readonly to: Address
  /** µUSDC. */
  readonly amount: bigint
  /** All that was taken out so far, this included. */
  readonly withdrawn: bigint
}

export type LeaseHistory = {
  /** The events of each lease, in the order of the chain. */
  readonly events: ReadonlyMap<Hex, readonly ProtocolEvent[]>
  readonly withdrawals: readonly Withdrawal[]
}

/** @param head the last block that counts. @throws ChainError. */
export const readLeaseHistory = async (chain: Chain, node: number, head: bigint): Promise<LeaseHistory> => {
  const ids = [...(await idsOf(chain, node, head))]
  const decode = makeLogDecoder(chain.deployment)
  const events = new Map<Hex, ProtocolEvent[]>(ids.map((id) => [id, []]))
  for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
    const logs = await pastLogs(chain, {
      what: 'read what became of the leases',
      addresses: leaseSources(chain.deployment),
      topics: [null, ids.slice(at, at + IDS_AT_ONCE)],
      head,
    })
    for (const log of logs) {
      const event = decode(log)
      if (event !== undefined) events.get(log.topics[1]!)?.push(event)
    }
  }
  return { events, withdrawals: await withdrawalsOf(chain, node, head) }
}

/** @returns the lease as these events leave it; `undefined` without its opening. */
export const foldLease = (events: readonly ProtocolEvent[]): LeaseView | undefined =>
  events.reduce<LeaseView | undefined>((lease, event) => applyLeaseEvent(lease, event), undefined)

const topicOf = (abi: Abi, name: string): Hex =>
  // The names below are those of events of these ABIs.
  toEventSelector(getAbiItem({ abi, name }) as AbiEvent)

const word = (node: number): Hex => numberToHex(node, { size: 32 })

const idsOf = async (chain: Chain, node: number, head: bigint): Promise<ReadonlySet<Hex>> => {
  const { leaseEscrow, nodeRegistry } = chain.deployment
  const ask = (
    of: Address,
    abi: Abi,
    name: string,
    first: readonly Hex[] | null,
    second: readonly Hex[] | null,
  ) =>
    pastLogs(chain, {
      what: 'read the leases of this node',
      addresses: [of],
      topics: [[topicOf(abi, name)], first, second],
      head,
    })
  const own = await ask(leaseEscrow, leaseEscrowAbi, 'LeaseAssigned', null, [word(node)])
  const switched = await ask(leaseEscrow, leaseEscrowAbi, 'RelaySwitched', null, [word(node)])
  const ids = new Set([...own, ...switched].map(({ topics }) => topics[1]!))
  const chosen = await ask(nodeRegistry, nodeRegistryAbi, 'RelayChosen', null, [word(node)])
  const behind = [...new Set(chosen.map(({ topics }) => topics[1]!))]
  const decode = makeLogDecoder(chain.deployment)
  for (let at = 0; at < behind.length; at += IDS_AT_ONCE) {
    const some = behind.slice(at, at + IDS_AT_ONCE)
    for (const log of await ask(leaseEscrow, leaseEscrowAbi, 'LeaseAssigned', null, some)) {
      const event = decode(log)
      if (event?.name === 'LeaseAssigned' && event.args.relay === node) ids.add(event.args.leaseId)
    }
  }
  return ids
}

const withdrawalsOf = async (chain: Chain, node: number, head: bigint): Promise<Withdrawal[]> => {
  const decode = makeLogDecoder(chain.deployment)
  const logs = await pastLogs(chain, {
    what: 'read what was withdrawn',
    addresses: [chain.deployment.leaseEscrow],
    topics: [[topicOf(leaseEscrowAbi, 'EarnedWithdrawn')], [word(node)]],
    head,
  })
  return logs.flatMap((log) => {
    const event = decode(log)
    if (event?.name !== 'EarnedWithdrawn') return []
    const { to, amount, withdrawn } = event.args
    const { blockNumber: block, transactionHash: transaction, timestamp } = event
    return [{ at: Number(timestamp), block, transaction, to, amount, withdrawn }]
  })
}
