// The folds of TemplateRegistry's logs: a template, and each of its versions.
import type { ProtocolEvent } from '@decloud/protocol'
import { type Address, type Hex, zeroAddress } from 'viem'

export type MinimumSpec = { vcpus: number; gpus: number; memoryMiB: number; diskGiB: number }

/** A template as the registry keeps it. Times are unix seconds. */
export type TemplateView = {
  template: number
  slug: string
  author: Address
  pendingAuthor: Address
  archived: boolean
  /** Number of its versions, and so the latest one. */
  versions: number
  createdAt: number
}

export type VersionView = {
  template: number
  version: number
  contentHash: Hex
  /** µUSDC per deploy. */
  fee: bigint
  /** Seconds after activation in which the fee is held. */
  refundWindow: number
  minimum: MinimumSpec
  publishedIn: bigint
  publishedAt: number
  archived: boolean
  /** Where the content is when it is not in the event; else empty. */
  uri: string
  /** As published, compressed; `0x` when it lies behind `uri`. */
  content: Hex
}

/** One step of the fold of a template; events of other contracts change nothing. */
export const applyTemplateEvent = (
  view: TemplateView | undefined,
  event: ProtocolEvent,
): TemplateView | undefined => {
  if (event.contract !== 'TemplateRegistry') return view
  if (event.name === 'TemplateCreated') {
    const { template, author, slug } = event.args
    const createdAt = Number(event.timestamp)
    return { template, slug, author, pendingAuthor: zeroAddress, archived: false, versions: 0, createdAt }
  }
  if (view === undefined) return undefined
  switch (event.name) {
    case 'VersionPublished':
      return { ...view, versions: event.args.version }
    case 'TemplateArchivedChanged':
      return { ...view, archived: event.args.archived }
    case 'AuthorProposed':
      return { ...view, pendingAuthor: event.args.proposed }
    case 'AuthorChanged':
      return { ...view, author: event.args.author, pendingAuthor: zeroAddress }
    case 'VersionArchivedChanged':
      return view
    default:
      event satisfies never
      return view
  }
}

/** One step of the fold of a version. */
export const applyVersionEvent = (
  view: VersionView | undefined,
  event: ProtocolEvent,
): VersionView | undefined => {
  if (event.contract !== 'TemplateRegistry') return view
  if (event.name === 'VersionPublished') {
    const publishedAt = Number(event.timestamp)
    return { ...event.args, publishedIn: event.blockNumber, publishedAt, archived: false }
  }
  if (event.name === 'VersionArchivedChanged') return view && { ...view, archived: event.args.archived }
  return view
}
