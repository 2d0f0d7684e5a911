// The logs of a registry of nodes: who operates what, with which key, at which price, behind whom.
import type { nodeRegistryAbi } from '@decloud/protocol'
import { type Address, concat, getAddress, type Hex, sha256, zeroAddress, zeroHash } from 'viem'
import { type Books, type ListedNode, must, type NodeShelf, type Place } from '../books.ts'
import { type Handlers, unrelated } from './handlers.ts'

/** Of what a node behind a relay earns; the registry has no other. */
export const RELAY_BPS = 2_000

const nodeShelf = (books: Books, registry: Address): NodeShelf => {
  const known = books.registries.get(registry) ?? {
    nodes: new Map(),
    agents: new Map(),
    attributes: new Map(),
  }
  books.registries.set(registry, known)
  return known
}
const shelfOf = (books: Books, { emitter }: Place) => nodeShelf(books, getAddress(emitter))

/** The node an event is about; an event about one that was never registered is a difference. */
const listed = (books: Books, place: Place, node: number, event: string): ListedNode | undefined => {
  const known = shelfOf(books, place).nodes.get(node)
  if (known === undefined) must(books, place, `node ${node}`, event, 'a registered node', 'an unknown index')
  return known
}

/** An agent serves one node, and is not who operates it. */
const employ = (books: Books, place: Place, node: number, listing: ListedNode, agent: Address) => {
  const { agents } = shelfOf(books, place)
  must(books, place, `node ${node}`, `${agent} serves no other node`, 0, agents.get(agent) ?? 0)
  must(books, place, `node ${node}`, 'agent is not the operator', false, agent === listing.operator)
  agents.set(agent, node)
  listing.agent = agent
}

const chooseRelay = (books: Books, place: Place, node: number, listing: ListedNode, relay: number) => {
  const { nodes } = shelfOf(books, place)
  const former = nodes.get(listing.relay)
  if (former !== undefined) former.relayed -= 1
  listing.relay = 0
  if (relay === 0) return
  const chosen = listed(books, place, relay, 'RelayChosen.relay')
  if (chosen === undefined) return
  const subject = `node ${relay}`
  must(books, place, subject, 'a relay for others only', false, relay === node)
  must(books, place, subject, 'behind a relay itself', 0, chosen.relay)
  must(books, place, `node ${node}`, 'relays for others while it is behind one', 0, listing.relayed)
  must(books, place, subject, 'a place free for another node', true, chosen.relayed < chosen.relayCapacity)
  chosen.relayed += 1
  listing.relay = relay
}

const attest = (
  books: Books,
  place: Place,
  args: { node: number; attribute: Hex; auditor: Address; issuedAt: number; expiresAt: number },
) => {
  const { node, attribute, auditor } = args
  const { attributes } = shelfOf(books, place)
  const key = `${node} ${attribute} ${auditor}`
  const issuedAt = BigInt(args.issuedAt)
  const subject = `attribute ${attribute} of node ${node} by ${auditor}`
  const isNewer = issuedAt > (attributes.get(key)?.issuedAt ?? 0n)
  must(books, place, subject, 'issued after the one before', true, isNewer)
  must(books, place, subject, 'issued before it was posted', true, issuedAt <= place.timestamp)
  attributes.set(key, { issuedAt, expiresAt: BigInt(args.expiresAt) })
}

export const registryFold: Handlers<typeof nodeRegistryAbi> = {
  NodeRegistered: (books, { node, nodeId, operator, registration }, place) => {
    const { nodes } = shelfOf(books, place)
    const { machineId, agent, endpoint: _, ...offered } = registration
    const subject = `node ${node}`
    must(books, place, subject, 'index', nodes.size + 1, node)
    must(books, place, subject, 'NodeRegistered.nodeId', sha256(concat([machineId, operator])), nodeId)
    const listing = {
      ...{ ...offered, nodeId, operator, agent, pendingOperator: zeroAddress, active: true, epoch: 1 },
      ...{ relay: 0, relayCapacity: 0, relayed: 0, wireguardKey: zeroHash, behindNat: false },
    }
    nodes.set(node, listing)
    employ(books, place, node, listing, agent)
  },
  AgentChanged: (books, { node, agent }, place) => {
    const listing = listed(books, place, node, 'AgentChanged')
    if (listing === undefined) return
    shelfOf(books, place).agents.set(listing.agent, 0)
    employ(books, place, node, listing, agent)
  },
  CapacityChanged: (books, { node, capacity }, place) => {
    Object.assign(listed(books, place, node, 'CapacityChanged') ?? {}, { capacity })
  },
  PricesChanged: (books, { node, prices }, place) => {
    Object.assign(listed(books, place, node, 'PricesChanged') ?? {}, { prices })
  },
  SealingKeyChanged: (books, { node, sealingKey, epoch }, place) => {
    const listing = listed(books, place, node, 'SealingKeyChanged')
    if (listing === undefined) return
    must(books, place, `node ${node}`, 'SealingKeyChanged.epoch', listing.epoch + 1, epoch)
    Object.assign(listing, { sealingKey, epoch })
  },
  NodeActiveChanged: (books, { node, active }, place) => {
    Object.assign(listed(books, place, node, 'NodeActiveChanged') ?? {}, { active })
  },
  TermsChanged: (books, { node, minCharge, notice }, place) => {
    Object.assign(listed(books, place, node, 'TermsChanged') ?? {}, { minCharge, notice })
  },
  OperatorProposed: (books, { node, operator, proposed }, place) => {
    const listing = listed(books, place, node, 'OperatorProposed')
    if (listing === undefined) return
    must(books, place, `node ${node}`, 'OperatorProposed.operator', listing.operator, operator)
    listing.pendingOperator = proposed
  },
  OperatorChanged: (books, { node, operator }, place) => {
    const listing = listed(books, place, node, 'OperatorChanged')
    if (listing === undefined) return
    must(books, place, `node ${node}`, 'OperatorChanged.operator', listing.pendingOperator, operator)
    must(books, place, `node ${node}`, 'operator is not the agent', false, operator === listing.agent)
    Object.assign(listing, { operator, pendingOperator: zeroAddress })
  },
  RelayOfferChanged: (books, { node, capacity }, place) => {
    Object.assign(listed(books, place, node, 'RelayOfferChanged') ?? {}, { relayCapacity: capacity })
  },
  RelayChosen: (books, { node, relay }, place) => {
    const listing = listed(books, place, node, 'RelayChosen')
    if (listing !== undefined) chooseRelay(books, place, node, listing, relay)
  },
  NetworkChanged: (books, { node, network: { wireguardKey, behindNat } }, place) => {
    Object.assign(listed(books, place, node, 'NetworkChanged') ?? {}, { wireguardKey, behindNat })
  },
  AttributeAttested: (books, args, place) => {
    if (listed(books, place, args.node, 'AttributeAttested') !== undefined) attest(books, place, args)
  },
  // Kept in events alone: there is nothing to hold them against.
  EndpointChanged: unrelated,
  ProfileChanged: unrelated,
}
