// The fold of a node's registry logs. Mirrors what NodeRegistry stores.
import type { Prices, ProtocolEvent } from '@decloud/protocol'
import type { Address, Hex } from 'viem'

export type Capacity = { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: number }

export type NodeView = {
  node: number
  nodeId: Hex
  operator: Address
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
}

const registered = (event: Extract<ProtocolEvent, { name: 'NodeRegistered' }>): NodeView => {
  const { node, nodeId, operator, registration } = event.args
  const { machineId: _, ...offered } = registration
  return { ...offered, node, nodeId, operator, active: true, sealingKeyEpoch: 1, relay: 0, relayCapacity: 0 }
}

/** One step of the fold; events of other nodes and of the escrow change nothing. */
export const applyNodeEvent = (view: NodeView | undefined, event: ProtocolEvent): NodeView | undefined => {
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
    case 'OperatorChanged':
      return { ...view, operator: event.args.operator }
    // Nobody here is shown them: who may take over, how others reach the node, what is said of it.
    case 'OperatorProposed':
    case 'NetworkChanged':
    case 'ProfileChanged':
    case 'AttributeAttested':
      return view
    default:
      event satisfies never
      return view
  }
}

/** "eu-west" from eight bytes padded with zeros; bytes that are not printable ASCII are left out. */
export const regionText = (region: Hex): string =>
  (region.slice(2).match(/../g) ?? [])
    .map((byte) => Number.parseInt(byte, 16))
    .filter((code) => code >= 0x20 && code < 0x7f)
    .map((code) => String.fromCharCode(code))
    .join('')
