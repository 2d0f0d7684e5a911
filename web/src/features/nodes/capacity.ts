import { type PolicyParameters, pointUnits, type Resources } from '@decloud/protocol/pricing'
import { UNITS_PER_POINT } from '@decloud/protocol/units'

/** Mirror of Solidity `Capacity`: point-units, MiB, GiB, whole GPUs. */
export type Capacity = { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: number }

const less = (a: bigint, b: bigint) => (a > b ? a - b : 0n)

/** What a node has left; never negative, though an operator may lower capacity under what is in use. */
export const freeOf = (node: { capacity: Capacity; inUse: Capacity }): Capacity => ({
  pointUnits: less(node.capacity.pointUnits, node.inUse.pointUnits),
  memoryMiB: less(node.capacity.memoryMiB, node.inUse.memoryMiB),
  diskGiB: less(node.capacity.diskGiB, node.inUse.diskGiB),
  gpus: Math.max(0, node.capacity.gpus - node.inUse.gpus),
})

/** @returns what is short, in words, or undefined when the size fits. */
export const fits = (size: Resources, free: Capacity, policy: PolicyParameters): string | undefined => {
  if (pointUnits(size, policy) > free.pointUnits) return 'not enough CPU left'
  if (BigInt(size.memoryMiB) > free.memoryMiB) return 'not enough memory left'
  if (BigInt(size.diskGiB) > free.diskGiB) return 'not enough disk left'
  if (size.gpus > free.gpus) return 'no GPU left'
  return undefined
}

/** Compute points with up to one decimal: 42 units → "3.5". */
export const points = (units: bigint): string => {
  const tenths = (units * 10n) / UNITS_PER_POINT
  return tenths % 10n === 0n ? `${tenths / 10n}` : `${tenths / 10n}.${tenths % 10n}`
}
