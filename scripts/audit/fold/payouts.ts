// The logs of the payouts: whose a node's earnings are, where they go, and each push against the escrow's own log.
import type { payoutsAbi } from '@decloud/protocol'
import { zeroAddress } from 'viem'
import { type Books, must, nodeBook, type Payout, type Place } from '../books.ts'
import { type Handlers, unrelated } from './handlers.ts'

/** Seconds between two pushes of a node. Mirror of `Payouts.INTERVAL`. */
const INTERVAL = 604_800n

const payoutBook = (books: Books, node: number): Payout => {
  const known = books.payouts.get(node)
  if (known !== undefined) return known
  const fresh: Payout = {
    ...{ owner: zeroAddress, pushedAt: 0n, recipient: zeroAddress, pendingOwner: zeroAddress },
  }
  books.payouts.set(node, fresh)
  return fresh
}

export const payoutsFold: Handlers<typeof payoutsAbi> = {
  Enrolled: (books, { node, owner, recipient }, place) => {
    const subject = `payout of node ${node}`
    must(books, place, subject, 'enrolled by the payee', nodeBook(books, node).payee, owner)
    Object.assign(payoutBook(books, node), { owner, recipient, pendingOwner: zeroAddress })
  },
  RecipientChanged: (books, { node, recipient }) => {
    payoutBook(books, node).recipient = recipient
  },
  OwnerProposed: (books, { node, owner, proposed }, place) => {
    const payout = payoutBook(books, node)
    must(books, place, `payout of node ${node}`, 'proposed by the owner', payout.owner, owner)
    payout.pendingOwner = proposed
  },
  OwnerChanged: (books, { node, owner }, place) => {
    const payout = payoutBook(books, node)
    must(books, place, `payout of node ${node}`, 'accepted by the proposed', payout.pendingOwner, owner)
    payout.owner = owner
    payout.pendingOwner = zeroAddress
  },
  Pushed: (books, { node, recipient, amount }, place) => {
    const payout = payoutBook(books, node)
    const subject = `payout of node ${node}`
    must(books, place, subject, 'pushed to the recipient', payout.recipient, recipient)
    must(books, place, subject, 'a week after the last', true, isDue(payout, place))
    const { earned, withdrawn } = nodeBook(books, node)
    // The escrow's log of the withdrawal follows this one.
    must(books, place, subject, 'pushed all that was earned', earned - withdrawn, amount)
    payout.pushedAt = place.timestamp
  },
  PushFailed: unrelated,
}

const isDue = ({ pushedAt }: Payout, { timestamp }: Place) => timestamp >= pushedAt + INTERVAL
