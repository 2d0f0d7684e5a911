// Rows → what the API answers.
import {
  DecloudError,
  due,
  effectivePrices,
  type LeaseView,
  type PolicyParameters,
  pricePerHour,
  runsOutAt,
  vested,
} from '@decloud/protocol'
import { type ApiLease, type ApiNode, type ApiTemplate, REFERENCE_GUEST } from '@decloud/protocol/wire/api'
import type { Address } from 'viem'
import { badgesOf } from '../domain/badges.ts'
import { type ListedNode, uptimeOf } from '../domain/listing.ts'
import { regionText, wordText } from '../domain/node.ts'
import type { Rating } from '../domain/review.ts'
import type { ListedTemplate } from '../domain/template-listing.ts'
import type { Market } from '../ports/market.ts'
import type { ApiDeps } from './deps.ts'

const notIndexed = () =>
  new DecloudError('not-indexed', 'The keeper has not read the chain yet.', {
    hint: 'Ask again in a moment.',
    details: { retryAfterSeconds: 2 },
  })

/** @throws DecloudError `not-indexed` before the first policy was read: no price could be said. */
export const policyOf = (market: Pick<Market, 'policy'>): PolicyParameters => {
  const policy = market.policy()
  if (policy !== undefined) return policy
  throw notIndexed()
}

/** Height and unix seconds of the newest indexed block. @throws DecloudError `not-indexed`. */
export const headOf = ({ follower }: Pick<ApiDeps, 'follower'>): { height: bigint; at: number } => {
  const cursor = follower.health().cursor
  if (cursor !== null) return { height: cursor.height, at: Number(cursor.timestamp) }
  throw notIndexed()
}

const MEAN_SCALE = 100n

export const ratingView = ({ sum, count }: Rating) => ({
  sum,
  count,
  mean: count === 0n ? null : Number((sum * MEAN_SCALE + count / 2n) / count) / Number(MEAN_SCALE),
})

type NodeContext = { policy: PolicyParameters; at: number; auditors: readonly Address[] }

/** What a node's answers depend on besides its row. @throws DecloudError `not-indexed`. */
export const nodeContext = (deps: Pick<ApiDeps, 'market' | 'follower' | 'auditors'>): NodeContext => ({
  policy: policyOf(deps.market),
  at: headOf(deps).at,
  auditors: deps.auditors,
})

export const badgesOfNode = (node: ListedNode, { at, auditors }: NodeContext) =>
  badgesOf({ ...node, uptimeBps: uptimeOf(node) }, at, auditors)

export const attributesView = ({ attributes }: Pick<ListedNode, 'attributes'>) =>
  attributes.map((one) => ({ ...one, name: wordText(one.attribute) }))

export const nodeView = (node: ListedNode, context: NodeContext): ApiNode => {
  const { uptime, heardBps, region, prices: own, rating } = node
  const prices = effectivePrices(own, context.policy)
  return {
    ...node,
    region: regionText(region),
    tags: [...node.tags],
    badges: badgesOfNode(node, context),
    prices,
    referencePricePerHour:
      node.referencePricePerHour ?? pricePerHour(REFERENCE_GUEST, prices, context.policy),
    uptime: {
      bps: uptimeOf(node),
      attestedBps: uptime.opinions > 0 ? uptime.uptimeBps : null,
      opinions: uptime.opinions,
      heardBps,
    },
    rating: ratingView(rating),
  }
}

export const templateView = ({ words, rating, ...template }: ListedTemplate): ApiTemplate => ({
  ...template,
  ...words,
  rating: ratingView(rating),
})

export const leaseView = (lease: LeaseView, at: number): ApiLease => {
  const end = runsOutAt(lease)
  return {
    ...lease,
    at,
    due: lease.status === 'Ended' ? lease.due : due(lease, at),
    vested: vested(lease, at),
    runsOutAt: end,
    runwaySeconds: lease.status === 'Active' ? Math.max(end - at, 0) : null,
  }
}
