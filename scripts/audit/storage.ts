// The books → what the contracts must answer, and the comparison with what they do answer at one block.
import {
  type Deployment,
  downtimeQuorumAbi,
  leaseDeskAbi,
  leaseEscrowAbi,
  leaseMandatesAbi,
  premiumStakeAbi,
  reputationAbi,
  reviewsAbi,
  templateRegistryAbi,
} from '@decloud/protocol'
import { type Abi, type Address, decodeFunctionResult, encodeFunctionData, type Hex, zeroAddress } from 'viem'
import { usdcAbi } from './abi.ts'
import type { Books, Difference, LeaseBook, TemplateShelf } from './books.ts'
import type { Head, Rpc } from './rpc.ts'

/** Calls in flight; each is a few hundred bytes. */
const AT_ONCE = 100
const STATES = ['None', 'Requested', 'Assigned', 'Active', 'Ended']

/** One read: every member of `expected` is held against the member of that name, or against the value itself. */
type Question = {
  subject: string
  to: Address
  abi: Abi
  functionName: string
  args: readonly unknown[]
  expected: Readonly<Record<string, unknown>> | string | bigint | number
}

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

type Asker = (
  subject: string,
  functionName: string,
  args: readonly unknown[],
  expected: Question['expected'],
) => Question

const asker =
  (to: Address, abi: Abi): Asker =>
  (subject, functionName, args, expected) => ({ subject, to, abi, functionName, args, expected })

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
  for (const [registry, shelf] of books.shelves) yield* templateQuestions(registry, shelf)
  yield* satelliteQuestions(books, deployment)
}

function* leaseQuestions(escrow: Asker, leaseId: Hex, lease: LeaseBook): Generator<Question> {
  const subject = `lease ${leaseId}`
  const { author, held, window, template, version } = lease.fee ?? NO_FEE
  yield escrow(subject, 'leaseOf', [leaseId], leaseFields(lease))
  yield escrow(subject, 'reclaimableFrom', [leaseId], lease.reclaimAt)
  yield escrow(subject, 'templateFeeOf', [leaseId], { 0: author, 1: held, 2: window })
  yield escrow(subject, 'templateOf', [leaseId], { 0: template, 1: version })
}
const NO_FEE = { author: zeroAddress, held: 0n, window: 0n, template: 0, version: 0 }

function* deskQuestions(books: Books, deployment: Deployment): Generator<Question> {
  const desk = asker(deployment.leaseDesk, leaseDeskAbi)
  const { moveAt: pointersMoveAt, nextPauseFrom: _, ...rest } = books.desk
  for (const [name, expected] of Object.entries({ ...rest, pointersMoveAt })) {
    yield desk('desk', name, [], expected)
  }
  const quorum = asker(deployment.downtimeQuorum, downtimeQuorumAbi)
  const { attesters, ...figures } = books.quorum
  for (const [name, expected] of Object.entries(figures)) yield quorum('quorum', name, [], expected)
  yield quorum('quorum', 'attesters', [], { ...attesters })
  const mandates = asker(deployment.leaseMandates, leaseMandatesAbi)
  for (const [leaseId, renewal] of books.renewals) {
    yield mandates(`lease ${leaseId}`, 'renewalOf', [leaseId], renewal)
  }
  for (const key of books.nonces) {
    const [signer, nonce] = key.split(' ') as [Address, string]
    yield mandates(`account ${signer}`, 'isNonceUsed', [signer, BigInt(nonce)], 'true')
  }
}

function* templateQuestions(registry: Address, shelf: TemplateShelf): Generator<Question> {
  const templates = asker(registry, templateRegistryAbi)
  yield templates('templates', 'templateCount', [], shelf.templates.size)
  for (const [template, book] of shelf.templates) {
    yield templates(`template ${template}`, 'templateAt', [template], book)
  }
  for (const [key, book] of shelf.versions) {
    const args = key.split(' ').map(Number)
    yield templates(`template ${args[0]}`, 'versionAt', args, book)
  }
}

function* satelliteQuestions(books: Books, deployment: Deployment): Generator<Question> {
  if (deployment.reviews) yield* reviewQuestions(books, asker(deployment.reviews, reviewsAbi))
  if (deployment.reputation) {
    const reputation = asker(deployment.reputation, reputationAbi)
    for (const [key, word] of books.words) {
      const [attester, day, group] = key.split(' ')
      yield reputation(`attester ${attester}`, 'wordOf', [attester, Number(day), Number(group)], word)
    }
    for (const [node, book] of books.nodes) {
      yield reputation(`node ${node}`, 'countersOf', [node], { 0: book.hosted, 1: book.completed })
    }
  }
  if (deployment.premiumStake) {
    const stakes = asker(deployment.premiumStake, premiumStakeAbi)
    let total = 0n
    for (const [key, stake] of books.stakes) {
      const [node, staker] = key.split(' ')
      total += stake.bonded + stake.unbonding
      yield stakes(`stake of ${staker} for node ${node}`, 'stakeOf', [Number(node), staker], stake)
    }
    yield stakes('premium stake', 'totalStaked', [], total)
  }
}

function* reviewQuestions(books: Books, reviews: Asker): Generator<Question> {
  for (const [node, rating] of books.nodeRatings)
    yield reviews(`node ${node}`, 'nodeRatingOf', [node], rating)
  for (const [template, rating] of books.templateRatings) {
    yield reviews(`template ${template}`, 'templateRatingOf', [template], rating)
  }
  for (const [leaseId, stars] of books.stars) {
    const expected = { 0: stars.node, 1: stars.template }
    yield reviews(`lease ${leaseId}`, 'starsOf', [leaseId], expected)
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** A figure as text; a record of figures inside a record by its sorted members. */
const textOf = (value: unknown): string =>
  isRecord(value)
    ? Object.entries(value)
        .map(([name, member]) => `${name} ${textOf(member)}`)
        .sort()
        .join(', ')
    : String(value)

const differencesOf = ({ subject, functionName, expected }: Question, answer: unknown): Difference[] => {
  const difference = (field: string, wanted: unknown, got: unknown): Difference[] =>
    textOf(wanted) === textOf(got)
      ? []
      : [{ kind: 'storage', subject, field, expected: textOf(wanted), found: textOf(got) }]
  if (!isRecord(answer) || !isRecord(expected)) return difference(functionName, expected, answer)
  // Both ways: a field that a later contract added and this audit does not rebuild is not passed over.
  return [...new Set([...Object.keys(answer), ...Object.keys(expected)])].flatMap((name) =>
    difference(`${functionName}.${name}`, expected[name], answer[name]),
  )
}

const ask = async (rpc: Rpc, question: Question, at: bigint): Promise<unknown> => {
  const { abi, functionName, args } = question
  const data = encodeFunctionData({ abi, functionName, args })
  const result: Hex = await rpc.call(question.to, data, at)
  return decodeFunctionResult({ abi, functionName, data: result })
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

const checkAttesters = async (rpc: Rpc, books: Books, deployment: Deployment, head: Head) => {
  if (!deployment.reputation) return []
  const question: Question = {
    subject: 'reputation',
    to: deployment.reputation,
    abi: reputationAbi,
    functionName: 'attesters',
    args: [],
    expected: [...books.attesters].sort().join(' '),
  }
  const answer = (await ask(rpc, question, head.number)) as readonly Address[]
  return differencesOf(question, [...answer].sort().join(' '))
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
  const differences: Difference[] = [
    ...(await checkUsdc(rpc, books, deployment, head)),
    ...(await checkAttesters(rpc, books, deployment, head)),
  ]
  let reads = 1 + (deployment.reputation ? 1 : 0)
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
