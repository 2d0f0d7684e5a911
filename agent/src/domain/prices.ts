// Prices as an operator names them, some or all, and what becomes of the others.
import { formatUsdc, type Prices } from '@decloud/protocol'

/** µUSDC per hour; what is not named is `undefined`. */
export type AskedPrices = {
  readonly point?: bigint | undefined
  readonly memory?: bigint | undefined
  readonly disk?: bigint | undefined
  readonly gpu?: bigint | undefined
}

/** What zeros in all places stand for in the registry: the platform's defaults, whatever they become. */
export const DEFAULT_PRICES: Prices = { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n }

export const isDefault = ({ point, memoryGiB, diskGiB, gpu }: Prices): boolean =>
  (point | memoryGiB | diskGiB | gpu) === 0n

/**
 * The whole vector: what is not asked for stays as it is, which for a node without prices of its own is what the platform
 * asks now. Nothing asked at all leaves the present prices alone.
 */
export const wholePrices = (asked: AskedPrices, present: Prices, defaults: Prices): Prices => {
  const { point, memory, disk, gpu } = asked
  if ([point, memory, disk, gpu].every((price) => price === undefined)) return present
  const base = isDefault(present) ? defaults : present
  return {
    point: point ?? base.point,
    memoryGiB: memory ?? base.memoryGiB,
    diskGiB: disk ?? base.diskGiB,
    gpu: gpu ?? base.gpu,
  }
}

const NAMES: Readonly<Record<keyof Prices, string>> = {
  point: 'a compute point',
  memoryGiB: 'a GiB of memory',
  diskGiB: 'a GiB of disk',
  gpu: 'a GPU',
}

type Low = { readonly resource: keyof Prices; readonly floor: bigint; readonly sentence: string }

/** @returns each price under its floor. A vector of zeros means the platform's defaults and passes. */
export const pricesBelowFloor = (prices: Prices, floors: Prices): readonly Low[] => {
  if (isDefault(prices)) return []
  // The keys of NAMES are those of Prices; Object.keys forgets it.
  return (Object.keys(NAMES) as (keyof Prices)[])
    .filter((resource) => prices[resource] < floors[resource])
    .map((resource) => ({
      resource,
      floor: floors[resource],
      sentence: `${formatUsdc(prices[resource])} USDC an hour for ${NAMES[resource]} is below the floor of ${formatUsdc(floors[resource])}.`,
    }))
}
