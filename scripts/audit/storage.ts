// The books → what the contracts must answer, and the comparison with what they do answer at one block.
import {
  type Deployment,
  downtimeQuorumAbi,
  leaseDeskAbi,
  leaseEscrowAbi,
  leaseMandatesAbi,
} from '@decloud/protocol'
import { type Address, type Hex, zeroAddress } from 'viem'
import { usdcAbi } from './abi.ts'
import type { Books, Difference, LeaseBook } from './books.ts'
import { type Asker, ask, asker, differencesOf, type Question } from './question.ts'
import { aroundQuestions } from './questions-around.ts'
import type { Head, Rpc } from './rpc.ts'

/** Calls in flight; each is a few hundred bytes. */
const AT_ONCE = 100
const STATES = ['None', 'Requested', 'Assigned', 'Active', 'Ended']

const leaseFields = (lease: LeaseBook) => ({
  status: STATES.indexOf(lease.state),
  endReason: lease.endReason,
  tenant: lease.tenant,
  node: lease.node,
  relay: lease.relay,
  activateBy: lease.activateBy,
  startedAt: lease.startedAt,
  endedAt: lease.endedAt,
  pricePerHour: lease.price,
  deposited: lease.deposited,
  settled: lease.settled,
  credited: lease.credited,
  holdBack: lease.holdBack,
  minCharge: lease.minCharge,
  notice: lease.notice,
  platformBps: lease.platformBps,
  relayBps: lease.relayBps,
  paidBefore: lease.paidBefore,
})

function* questions(books: Books, deployment: Deployment): Generator<Question> {
  yield* deskQuestions(books, deployment)
  const escrow = asker(deployment.leaseEscrow, leaseEscrowAbi)
  for (const [leaseId, lease] of books.leases) yield* leaseQuestions(escrow, leaseId, lease)
  for (const [account, balance] of books.balances) {
    yield escrow(`account ${account}`, 'balanceOf', [account], balance)
  }
  for (const [node, book] of books.nodes) {
    const subject = `node ${node}`
    yield escrow(subject, 'earnedOf', [node], book.earned - book.withdrawn)
    yield escrow(subject, 'payeeOf', [node], book.payee)
    yield escrow(subject, 'pendingPayeeOf', [node], book.pendingPayee)
    yield escrow(subject, 'operatorOf', [node], book.operator)
    yield escrow(subject, 'inUse', [node], book.inUse)
    yield escrow(subject, 'nodeCounters', [node], { 0: book.hosted, 1: book.completed })
  }
  yield* aroundQuestions(books, deployment)
}

function* leaseQuestions(
  escrow: Asker<typeof leaseEscrowAbi>,
  leaseId: Hex,
  lease: LeaseBook,
): Generator<Question> {
  const subject = `lease ${leaseId}`
  const { author, held, window, template, version } = lease.fee ?? NO_FEE
  yield escrow(subject, 'leaseOf', [leaseId], leaseFields(lease))
  yield escrow(subject, 'reclaimableFrom', [leaseId], lease.reclaimAt)
  yield escrow(subject, 'templateFeeOf', [leaseId], { 0: author, 1: held, 2: window })
  yield escrow(subject, 'templateOf', [leaseId], { 0: template, 1: version })
}
const NO_FEE = { author: zeroAddress, held: 0n, window: 0n, template: 0, version: 0 }

const entriesOf = <const record extends object>(record: record) =>
  Object.entries(record) as [keyof record & string, record[keyof record]][]

function* deskQuestions(books: Books, deployment: Deployment): Generator<Question> {
  const desk = asker(deployment.leaseDesk, leaseDeskAbi)
  const { moveAt: pointersMoveAt, nextPauseFrom: _, ...rest } = books.desk
  for (const [name, expected] of entriesOf({ ...rest, pointersMoveAt })) {
    yield desk('desk', name, [], expected)
  }
  const quorum = asker(deployment.downtimeQuorum, downtimeQuorumAbi)
  const { attesters, ...figures } = books.quorum
  for (const [name, expected] of entriesOf(figures)) yield quorum('quorum', name, [], expected)
  yield quorum('quorum', 'attesters', [], { ...attesters })
  const mandates = asker(deployment.leaseMandates, leaseMandatesAbi)
  for (const [leaseId, renewal] of books.renewals) {
    yield mandates(`lease ${leaseId}`, 'renewalOf', [leaseId], renewal)
  }
  for (const key of books.nonces) {
    const [signer, nonce] = key.split(' ') as [Address, string]
    yield mandates(`account ${signer}`, 'isNonceUsed', [signer, BigInt(nonce)], true)
  }
}

const balanceAt = async (rpc: Rpc, token: Address, account: Address, at: bigint) =>
  (await ask(
    rpc,
    { subject: '', to: token, abi: usdcAbi, functionName: 'balanceOf', args: [account], expected: '' },
    at,
  )) as bigint

/** The escrow's USDC: what its transfers add up to, which is all that it owes and what nobody claims. */
const checkUsdc = async (rpc: Rpc, books: Books, deployment: Deployment, head: Head) => {
  const held = await balanceAt(rpc, deployment.usdc, deployment.leaseEscrow, head.number)
  const expected = books.obligations + books.donated
  if (held === expected && held >= books.obligations) return []
  return [
    {
      kind: 'storage' as const,
      subject: 'escrow',
      field: held < books.obligations ? 'USDC (insolvent)' : 'USDC',
      expected: `${books.obligations} owed + ${books.donated} donated`,
      found: String(held),
    },
  ]
}

/**
 * Holds the books against the contracts' storage at `head`.
 * @returns each figure that differs, and how many figures were read.
 * @throws DecloudError `rpc-failed`.
 */
export const compareStorage = async (
  rpc: Rpc,
  books: Books,
  deployment: Deployment,
  { head, onProgress }: { head: Head; onProgress: (reads: number) => void },
): Promise<{ differences: Difference[]; reads: number }> => {
  const differences: Difference[] = await checkUsdc(rpc, books, deployment, head)
  let reads = 1
  const flush = async (batch: Question[]) => {
    const answers = await Promise.all(batch.map((question) => ask(rpc, question, head.number)))
    batch.forEach((question, i) => {
      differences.push(...differencesOf(question, answers[i]))
    })
    reads += batch.length
    onProgress(reads)
  }
  let batch: Question[] = []
  for (const question of questions(books, deployment)) {
    batch.push(question)
    if (batch.length < AT_ONCE) continue
    await flush(batch)
    batch = []
  }
  await flush(batch)
  return { differences, reads }
}
