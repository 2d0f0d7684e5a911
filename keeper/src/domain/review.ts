// Reviews as their events tell them. The running sums come with each event, as the contract keeps them.
import type { ProtocolEvent } from '@decloud/protocol'
import type { Address, Hex } from 'viem'

/** Sum and number of the stars given; the mean is `sum / count`. */
export type Rating = { sum: bigint; count: bigint }

export const NO_RATING: Rating = { sum: 0n, count: 0n }

/** One per lease and kind. */
export type ReviewView = {
  leaseId: Hex
  kind: 'node' | 'template'
  /** Index of the node or of the template. */
  subject: number
  /** Of the template; 0 for a node. */
  version: number
  author: Address
  /** 1 to 5. */
  stars: number
  title: string
  comment: string
  block: bigint
  /** Unix seconds. */
  at: number
}

type Reviewed = Extract<ProtocolEvent, { contract: 'Reviews' }>

export const reviewIn = (event: Reviewed): ReviewView => {
  const { leaseId, tenant: author, stars, title, comment } = event.args
  const said = {
    leaseId,
    author,
    stars,
    title,
    comment,
    block: event.blockNumber,
    at: Number(event.timestamp),
  }
  return event.name === 'NodeReviewed'
    ? { ...said, kind: 'node', subject: event.args.node, version: 0 }
    : { ...said, kind: 'template', subject: event.args.template, version: event.args.version }
}

export const ratingAfter = ({ args: { sum, count } }: Reviewed): Rating => ({ sum, count })
