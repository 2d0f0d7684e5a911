// The hard filters, in words and one node at a time: what LeaseDesk.quote refuses, and what the scheduler refuses beyond
// it (a node that is off, that the tenant did not ask for, that no manifest can be sealed to).
import { effectivePrices, MAX_MIN_CHARGE, type PolicyParameters } from '@decloud/protocol'
import { type Hex, zeroAddress } from 'viem'
import { type Asked, priceBounds, priceOf } from './needs.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { PlacementNode, PlacementRequest } from './types.ts'

/** What a node can lend at most: its capacity, within the bits that the escrow counts in. */
export const limitsOf = ({ capacity }: Pick<PlacementNode, 'capacity'>) => ({
  pointUnits: least(capacity.pointUnits, 32),
  memoryMiB: least(capacity.memoryMiB, 32),
  diskGiB: least(capacity.diskGiB, 32),
  gpus: least(BigInt(capacity.gpus), 16),
})

const least = (capacity: bigint, bits: number) => {
  const limit = 2n ** BigInt(bits) - 1n
  return Number(capacity < limit ? capacity : limit)
}

const free = (limit: number, used: bigint | number) => Math.max(limit - Number(used), 0)

// Points of order 1, 2, 4 and 8 on Curve25519 and its twist, little-endian, with the unreduced ones: whatever the other
// side's key is, the shared secret is zero (RFC 7748, 6.1). The top bit does not count.
const WEAK_KEYS = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

const isWeakKey = (key: Hex): boolean => {
  const last = (Number.parseInt(key.slice(64), 16) & 0x7f).toString(16).padStart(2, '0')
  return WEAK_KEYS.has(key.slice(2, 64).toLowerCase() + last)
}

/** Whether the node could take any lease at all; what is asked plays no part. */
export const standingRefusal = (node: PlacementNode): Refusal | null => {
  if (node.online === false) return refuse('offline', 0, 1)
  if (!node.active) return refuse('drained', 0, 1)
  if (node.operator === zeroAddress || node.agent === zeroAddress) return refuse('no-agent', 0, 1)
  if (node.minCharge > MAX_MIN_CHARGE) return refuse('min-charge', node.minCharge, MAX_MIN_CHARGE)
  return isWeakKey(node.sealingKey) ? refuse('unsealable', 0, 1) : null
}

/** @returns the first filter that refuses the node, or the price of an hour there. */
export const judge = (
  node: PlacementNode,
  request: PlacementRequest,
  asked: Asked,
  policy: Pick<PolicyParameters, 'floors' | 'defaults'>,
): Refusal | { price: bigint } => {
  const { terms } = request
  const standing = standingRefusal(node)
  if (standing !== null) return standing
  if (request.avoid.includes(node.node)) return refuse('avoided', 0, 1)
  if (node.notice < terms.minNotice) return refuse('notice', node.notice, terms.minNotice)
  if (BigInt(terms.region) !== 0n && BigInt(terms.region) !== BigInt(node.region)) {
    return refuse('region', node.region, terms.region)
  }
  const price = priceOf(asked, effectivePrices(node.prices, policy))
  for (const [code, limit] of priceBounds(request, node.minCharge)) {
    if (price > limit) return refuse(code, price, limit)
  }
  if (price === 0n) return refuse('price-range', 0n, 1n)
  return roomRefusal(node, asked) ?? tagRefusal(node, request) ?? { price }
}

const roomRefusal = (node: PlacementNode, { needs }: Asked): Refusal | null => {
  const limits = limitsOf(node)
  const { inUse } = node
  const compute = free(limits.pointUnits, inUse.pointUnits)
  if (needs.pointUnits > compute) return refuse('compute', compute, needs.pointUnits)
  const memory = free(limits.memoryMiB, inUse.memoryMiB)
  if (needs.memoryMiB > memory) return refuse('memory', memory, needs.memoryMiB)
  const disk = free(limits.diskGiB, inUse.diskGiB)
  if (needs.diskGiB > disk) return refuse('disk', disk, needs.diskGiB)
  const gpus = free(limits.gpus, inUse.gpus)
  return needs.gpus > gpus ? refuse('gpu', gpus, needs.gpus) : null
}

const tagRefusal = (node: PlacementNode, { tags }: PlacementRequest): Refusal | null => {
  const missing = tags.filter((tag) => !node.tags.includes(tag))
  return missing.length === 0 ? null : refuse('tags', node.tags.join(', '), missing.join(', '))
}
