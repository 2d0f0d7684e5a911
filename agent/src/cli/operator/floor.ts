// The floor, before anything is sent: a price under it costs no gas to learn of.
import type { Prices } from '@decloud/protocol'
import { pricesBelowFloor } from '../../domain/prices.ts'
import { AgentError } from '../../lib/errors.ts'

/** @throws AgentError `price-below-floor` that names every resource and its floor. */
export const demandFloors = (prices: Prices, floors: Prices): void => {
  const low = pricesBelowFloor(prices, floors)
  if (low.length === 0) return
  throw new AgentError('price-below-floor', low.map(({ sentence }) => sentence).join(' '), {
    hint: 'Raise it, or leave all prices out to take the defaults of the platform. Nothing was sent.',
    details: Object.fromEntries(low.map(({ resource, floor }) => [`floor.${resource}`, String(floor)])),
  })
}
