// The logs of LeaseAccess: who else may use a machine, and the manifests that follow the first.
import type { leaseAccessAbi } from '@decloud/protocol'
import { zeroAddress } from 'viem'
import { type Books, must, type Place } from '../books.ts'
import type { Handlers } from './handlers.ts'
import { leaseFor, subjectOf } from './settlement.ts'

const MOST_COLLABORATORS = 14
const MANAGER = 3
/** Restore. */
const LAST_ORDER = 5

/** The lease of an event, which must live. */
const liveLease = (books: Books, leaseId: `0x${string}`, event: string, place: Place) => {
  const lease = leaseFor(books, leaseId, event, place)
  if (lease !== undefined)
    must(books, place, subjectOf(leaseId), `${event} of`, true, lease.state !== 'Ended')
  return lease
}

export const accessFold: Handlers<typeof leaseAccessAbi> = {
  AccessChanged: (books, { leaseId, account, level }, place) => {
    const subject = subjectOf(leaseId)
    const lease = liveLease(books, leaseId, 'AccessChanged', place)
    const isOther = account !== lease?.tenant && account !== zeroAddress
    must(books, place, subject, 'a collaborator besides the tenant', true, isOther)
    const levels = books.access.levels.get(leaseId) ?? new Map()
    if (level === 0) {
      must(books, place, subject, `${account} had access to lose`, true, (levels.get(account) ?? 0) > 0)
    }
    levels.set(account, level)
    books.access.levels.set(leaseId, levels)
    const granted = [...levels.values()].filter((held) => held > 0).length
    must(
      books,
      place,
      subject,
      'as many collaborators as a manifest is sealed to',
      true,
      granted <= MOST_COLLABORATORS,
    )
  },
  SealingKeyChanged: (books, { account, sealingKey, epoch }, place) => {
    const before = books.access.keys.get(account)?.epoch ?? 0
    must(books, place, `account ${account}`, 'SealingKeyChanged.epoch', before + 1, epoch)
    books.access.keys.set(account, { sealingKey, epoch })
  },
  Ordered: (books, { leaseId, by, action }, place) => {
    const lease = liveLease(books, leaseId, 'Ordered', place)
    const subject = subjectOf(leaseId)
    const level = books.access.levels.get(leaseId)?.get(by) ?? 0
    const may = by === lease?.tenant || level === MANAGER
    must(books, place, subject, `${by} ordered as the tenant or a Manager`, true, may)
    must(books, place, subject, 'an order that names an action', true, action > 0 && action <= LAST_ORDER)
  },
  ManifestPosted: (books, { leaseId, version, manifestHash, ciphertext }, place) => {
    liveLease(books, leaseId, 'ManifestPosted', place)
    const subject = subjectOf(leaseId)
    const before = books.access.manifests.get(leaseId)?.version ?? 0
    must(books, place, subject, 'ManifestPosted.version', before + 1, version)
    must(books, place, subject, 'a manifest with contents', true, ciphertext !== '0x')
    books.access.manifests.set(leaseId, { manifestHash, version, postedIn: place.block })
  },
}
