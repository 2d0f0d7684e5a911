import { formatUsdc, type Prices } from '@decloud/protocol'

const NAMES: Readonly<Record<keyof Prices, string>> = {
  point: 'a compute point',
  memoryGiB: 'a GiB of memory',
  diskGiB: 'a GiB of disk',
  gpu: 'a GPU',
}

/**
 * @returns a sentence for each price under its floor. A vector of zeros means the platform's defaults and passes.
 */
export const pricesBelowFloor = (prices: Prices, floors: Prices): readonly string[] => {
  // The keys of NAMES are those of Prices; Object.keys forgets it.
  const resources = Object.keys(NAMES) as (keyof Prices)[]
  if (resources.every((resource) => prices[resource] === 0n)) return []
  return resources
    .filter((resource) => prices[resource] < floors[resource])
    .map(
      (resource) =>
        `${formatUsdc(prices[resource])} USDC an hour for ${NAMES[resource]} is below the floor of ${formatUsdc(floors[resource])}.`,
    )
}
