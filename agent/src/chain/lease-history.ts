// All that ever happened to the leases that bring this node money: its own, and those of nodes whose relay it is or was.
import { type Chain, type Past, pastLogs } from '@decloud/chain'
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
export const readLeaseHistory = async (
  chain: Chain,
  node: number,
  head: bigint,
  past: Past = {},
): Promise<LeaseHistory> => {
  const scope: Scope = { chain, node, head, past }
  const ids = [...(await idsOf(scope))]
  const decode = makeLogDecoder(chain.deployment)
  const events = new Map<Hex, ProtocolEvent[]>(ids.map((id) => [id, []]))
  for (const some of chunks(ids)) {
    const question = {
      what: 'read what became of the leases',
      addresses: leaseSources(chain.deployment),
      topics: [null, some],
      head,
    }
    const logs = await pastLogs(chain, question, past)
    for (const log of logs) {
      const event = decode(log)
      if (event !== undefined) events.get(log.topics[1]!)?.push(event)
    }
  }
  return { events, withdrawals: await withdrawalsOf(scope) }
}

/** @returns the lease as these events leave it; `undefined` without its opening. */
export const foldLease = (events: readonly ProtocolEvent[]): LeaseView | undefined =>
  events.reduce<LeaseView | undefined>((lease, event) => applyLeaseEvent(lease, event), undefined)

const topicOf = (abi: Abi, name: string): Hex =>
  // The names below are those of events of these ABIs.
  toEventSelector(getAbiItem({ abi, name }) as AbiEvent)

/** In the first two the node, as host or relay, is the second thing indexed; in the third it is the relay. */
const ASSIGNED = topicOf(leaseEscrowAbi, 'LeaseAssigned')
const SWITCHED = topicOf(leaseEscrowAbi, 'RelaySwitched')
const CHOSEN = topicOf(nodeRegistryAbi, 'RelayChosen')
const WITHDRAWN = topicOf(leaseEscrowAbi, 'EarnedWithdrawn')

const word = (node: number): Hex => numberToHex(node, { size: 32 })

const chunks = (ids: readonly Hex[]): (readonly Hex[])[] =>
  Array.from({ length: Math.ceil(ids.length / IDS_AT_ONCE) }, (_, nth) =>
    ids.slice(nth * IDS_AT_ONCE, (nth + 1) * IDS_AT_ONCE),
  )

type Scope = { readonly chain: Chain; readonly node: number; readonly head: bigint; readonly past: Past }

const idsOf = async ({ chain, node, head, past }: Scope): Promise<ReadonlySet<Hex>> => {
  const { leaseEscrow, nodeRegistry } = chain.deployment
  const decode = makeLogDecoder(chain.deployment)
  const ask = async (addresses: readonly Address[], names: readonly Hex[], of: readonly Hex[]) => {
    const topics = [names, null, of]
    const logs = await pastLogs(
      chain,
      { what: 'read the leases of this node', addresses, topics, head },
      past,
    )
    return logs.map(decode)
  }
  const ids = new Set<Hex>()
  const behind = new Set<Hex>()
  for (const event of await ask([leaseEscrow, nodeRegistry], [ASSIGNED, SWITCHED, CHOSEN], [word(node)])) {
    if (event?.name === 'LeaseAssigned' || event?.name === 'RelaySwitched') ids.add(event.args.leaseId)
    if (event?.name === 'RelayChosen') behind.add(word(event.args.node))
  }
  for (const some of chunks([...behind])) {
    for (const event of await ask([leaseEscrow], [ASSIGNED], some)) {
      if (event?.name === 'LeaseAssigned' && event.args.relay === node) ids.add(event.args.leaseId)
    }
  }
  return ids
}

const withdrawalsOf = async ({ chain, node, head, past }: Scope): Promise<Withdrawal[]> => {
  const decode = makeLogDecoder(chain.deployment)
  const question = {
    what: 'read what was withdrawn',
    addresses: [chain.deployment.leaseEscrow],
    topics: [[WITHDRAWN], [word(node)]],
    head,
  }
  const logs = await pastLogs(chain, question, past)
  return logs.flatMap((log) => {
    const event = decode(log)
    if (event?.name !== 'EarnedWithdrawn') return []
    const { to, amount, withdrawn } = event.args
    const { blockNumber: block, transactionHash: transaction, timestamp } = event
    return [{ at: Number(timestamp), block, transaction, to, amount, withdrawn }]
  })
}
