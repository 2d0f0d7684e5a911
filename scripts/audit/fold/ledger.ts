// Internal balances, what nodes earn and who may take it out.
import { zeroAddress } from 'viem'
import { must, nodeBook } from '../books.ts'
import type { EscrowFold } from './handlers.ts'

export const ledgerEvents: Pick<
  EscrowFold,
  'BalanceChanged' | 'EarnedWithdrawn' | 'PayeeProposed' | 'PayeeChanged' | 'NodeOperatorChanged'
> = {
  BalanceChanged: (books, { account, balance }) => {
    books.obligations += balance - (books.balances.get(account) ?? 0n)
    books.balances.set(account, balance)
  },
  EarnedWithdrawn: (books, { node, payee, amount, withdrawn }, place) => {
    const book = nodeBook(books, node)
    const subject = `node ${node}`
    must(books, place, subject, 'EarnedWithdrawn.payee', book.payee, payee)
    must(books, place, subject, 'EarnedWithdrawn.withdrawn', book.withdrawn + amount, withdrawn)
    must(books, place, subject, 'withdrawn at most what was earned', true, withdrawn <= book.earned)
    books.obligations -= amount
    book.withdrawn = withdrawn
  },
  PayeeProposed: (books, { node, proposed }) => {
    nodeBook(books, node).pendingPayee = proposed
  },
  PayeeChanged: (books, { node, payee }, place) => {
    const book = nodeBook(books, node)
    // The first payee comes with the first lease; every later one was proposed.
    if (book.payee !== zeroAddress) {
      must(books, place, `node ${node}`, 'PayeeChanged.payee', book.pendingPayee, payee)
    }
    book.payee = payee
    book.pendingPayee = zeroAddress
  },
  NodeOperatorChanged: (books, { node, operator }) => {
    nodeBook(books, node).operator = operator
  },
}
