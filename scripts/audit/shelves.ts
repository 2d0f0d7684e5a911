// What the contracts around the escrow hold, as their logs tell it.
import type { Address, Hex } from 'viem'

type TemplateBook = {
  slug: string
  author: Address
  pendingAuthor: Address
  versions: number
  archived: boolean
}

type VersionBook = {
  contentHash: Hex
  fee: bigint
  refundWindow: bigint
  minimum: { vcpus: number; gpus: number; memoryMiB: number; diskGiB: number }
  publishedIn: bigint
  archived: boolean
}

/** What one registry of templates holds, by template and by `template version`. */
export type TemplateShelf = { templates: Map<number, TemplateBook>; versions: Map<string, VersionBook> }

/** A node as its registry has it. */
export type ListedNode = {
  nodeId: Hex
  operator: Address
  pendingOperator: Address
  agent: Address
  active: boolean
  region: Hex
  minCharge: number
  notice: number
  capacity: { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: number }
  prices: { point: bigint; memoryGiB: bigint; diskGiB: bigint; gpu: bigint }
  sealingKey: Hex
  epoch: number
  /** The node that relays for it; 0 for none. */
  relay: number
  /** Places it offers as a relay, and nodes that took one. */
  relayCapacity: number
  relayed: number
  wireguardKey: Hex
  behindNat: boolean
}

/** What one registry of nodes holds. */
export type NodeShelf = {
  nodes: Map<number, ListedNode>
  /** The node an agent's key serves; 0 once it serves none. */
  agents: Map<Address, number>
  /** By `node attribute auditor`. */
  attributes: Map<string, { issuedAt: bigint; expiresAt: bigint }>
}

/** Who else may use which machine, and which manifest is the latest. */
export type AccessShelf = {
  /** Levels by lease and account; who was revoked stays, with level 0. */
  levels: Map<Hex, Map<Address, number>>
  manifests: Map<Hex, { manifestHash: Hex; version: number; postedIn: bigint }>
  keys: Map<Address, { sealingKey: Hex; epoch: number }>
}
