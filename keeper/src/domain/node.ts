// The fold of a node's registry logs. Mirrors what NodeRegistry stores.
import type { Prices, ProtocolEvent } from '@decloud/protocol'
import { type Address, type Hex, zeroAddress, zeroHash } from 'viem'

export type Capacity = { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: number }

/** How others reach the node; the registry stores the last two, events carry all of it. */
export type NodeNetwork = {
  /** libp2p peer id, as bytes. */
  peerId: Hex
  addresses: readonly string[]
  wireguardKey: Hex
  behindNat: boolean
}

/** What somebody signed about a node; their latest word on that attribute. Times are unix seconds. */
export type Attribute = { attribute: Hex; auditor: Address; issuedAt: number; expiresAt: number }

export type NodeView = {
  node: number
  nodeId: Hex
  operator: Address
  /** Zero unless another operator was proposed. */
  pendingOperator: Address
  agent: Address
  active: boolean
  /** Eight bytes, as registered. */
  region: Hex
  minCharge: number
  notice: number
  capacity: Capacity
  /** All zero: the platform's defaults apply. */
  prices: Prices
  endpoint: string
  sealingKey: Hex
  sealingKeyEpoch: number
  /** Node that relays for this one; 0 for none. */
  relay: number
  /** Nodes that this one offers to relay for. */
  relayCapacity: number
  network: NodeNetwork
  description: string
  tags: readonly string[]
  attributes: readonly Attribute[]
  /** Unix seconds. */
  registeredAt: number
}

const UNREACHED: NodeNetwork = { peerId: '0x', addresses: [], wireguardKey: zeroHash, behindNat: false }

const registered = (event: Extract<ProtocolEvent, { name: 'NodeRegistered' }>): NodeView => {
  const { node, nodeId, operator, registration } = event.args
  const { machineId: _, ...offered } = registration
  return {
    ...offered,
    node,
    nodeId,
    operator,
    pendingOperator: zeroAddress,
    active: true,
    sealingKeyEpoch: 1,
    relay: 0,
    relayCapacity: 0,
    network: UNREACHED,
    description: '',
    tags: [],
    attributes: [],
    registeredAt: Number(event.timestamp),
  }
}

type Attested = Extract<ProtocolEvent, { name: 'AttributeAttested' }>['args']

/** Anybody may sign anything about any node: of strangers' words so many of the latest are kept. */
const MOST_OF_STRANGERS = 32
const NOBODY: ReadonlySet<string> = new Set()

const attested = (
  view: NodeView,
  { node: _, ...said }: Attested,
  auditors: ReadonlySet<string>,
): NodeView => {
  const others = view.attributes.filter(
    (one) => one.attribute !== said.attribute || one.auditor !== said.auditor,
  )
  const all = [...others, said]
  const strangers = all.filter(({ auditor }) => !auditors.has(auditor.toLowerCase()))
  const surplus = new Set(strangers.slice(0, Math.max(strangers.length - MOST_OF_STRANGERS, 0)))
  return { ...view, attributes: all.filter((one) => !surplus.has(one)) }
}

/**
 * One step of the fold; events of other nodes and of the escrow change nothing.
 * @param auditors in lower case: all that they signed is kept.
 */
export const applyNodeEvent = (
  view: NodeView | undefined,
  event: ProtocolEvent,
  auditors = NOBODY,
): NodeView | undefined => {
  if (event.contract !== 'NodeRegistry') return view
  if (event.name === 'NodeRegistered') return view ?? registered(event)
  if (view === undefined) return undefined
  switch (event.name) {
    case 'AgentChanged':
      return { ...view, agent: event.args.agent }
    case 'CapacityChanged':
      return { ...view, capacity: event.args.capacity }
    case 'PricesChanged':
      return { ...view, prices: event.args.prices }
    case 'SealingKeyChanged':
      return { ...view, sealingKey: event.args.sealingKey, sealingKeyEpoch: event.args.epoch }
    case 'NodeActiveChanged':
      return { ...view, active: event.args.active }
    case 'EndpointChanged':
      return { ...view, endpoint: event.args.endpoint }
    case 'TermsChanged':
      return { ...view, minCharge: event.args.minCharge, notice: event.args.notice }
    case 'RelayChosen':
      return { ...view, relay: event.args.relay }
    case 'RelayOfferChanged':
      return { ...view, relayCapacity: event.args.capacity }
    case 'OperatorProposed':
      return { ...view, pendingOperator: event.args.proposed }
    case 'OperatorChanged':
      return { ...view, operator: event.args.operator, pendingOperator: zeroAddress }
    case 'NetworkChanged':
      return { ...view, network: event.args.network }
    case 'ProfileChanged':
      return { ...view, description: event.args.description, tags: event.args.tags.map(wordText) }
    case 'AttributeAttested':
      return attested(view, event.args, auditors)
    default:
      event satisfies never
      return view
  }
}

const textOf = (bytes: Hex): string =>
  (bytes.slice(2).match(/../g) ?? [])
    .map((byte) => Number.parseInt(byte, 16))
    .filter((code) => code >= 0x20 && code < 0x7f)
    .map((code) => String.fromCharCode(code))
    .join('')

/** "eu-west" from eight bytes padded with zeros; bytes that are not printable ASCII are left out. */
export const regionText = (region: Hex): string => textOf(region)

/** "gpu" from a tag's word; tags are compared in lower case. */
export const wordText = (word: Hex): string => textOf(word).trim().toLowerCase()
