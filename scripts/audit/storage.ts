// The books → what the contracts must answer, and the comparison with what they do answer at one block.
import { leaseEscrowAbi } from '@decloud/protocol'
import { type Abi, type Address, decodeFunctionResult, encodeFunctionData, type Hex } from 'viem'
import { premiumStakeAbi, reputationAbi, reviewsAbi, usdcAbi } from './abi.ts'
import type { Books, Difference, LeaseBook } from './books.ts'
import type { Subject } from './history.ts'
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

function* questions(books: Books, { deployment, satellites }: Subject): Generator<Question> {
  const ask =
    (to: Address, abi: Abi) =>
    (
      subject: string,
      functionName: string,
      args: readonly unknown[],
      expected: Question['expected'],
    ): Question => ({ subject, to, abi, functionName, args, expected })

  const escrow = ask(deployment.leaseEscrow, leaseEscrowAbi)
  const { owner, pendingOwner, registry, policy, nextRegistry, nextPolicy, moveAt } = books.escrow
  for (const [name, expected] of Object.entries({
    ...{ owner, pendingOwner, registry, policy, nextRegistry, nextPolicy, pointersMoveAt: moveAt },
  })) {
    yield escrow('escrow', name, [], expected)
  }
  for (const [leaseId, lease] of books.leases) {
    yield escrow(`lease ${leaseId}`, 'leaseOf', [leaseId], leaseFields(lease))
  }
  for (const [account, balance] of books.balances) {
    yield escrow(`account ${account}`, 'balanceOf', [account], balance)
  }
  for (const [node, book] of books.nodes) {
    const subject = `node ${node}`
    yield escrow(subject, 'earnedOf', [node], book.earned - book.withdrawn)
    yield escrow(subject, 'payeeOf', [node], book.payee)
    yield escrow(subject, 'pendingPayeeOf', [node], book.pendingPayee)
    yield escrow(subject, 'inUse', [node], book.inUse)
  }
  if (satellites.reviews) yield* reviewQuestions(books, ask(satellites.reviews, reviewsAbi))
  if (satellites.reputation) {
    const reputation = ask(satellites.reputation, reputationAbi)
    for (const [key, word] of books.words) {
      const [attester, day, group] = key.split(' ')
      yield reputation(`attester ${attester}`, 'wordOf', [attester, Number(day), Number(group)], word)
    }
  }
  if (satellites.premiumStake) {
    const stakes = ask(satellites.premiumStake, premiumStakeAbi)
    let total = 0n
    for (const [key, stake] of books.stakes) {
      const [node, staker] = key.split(' ')
      total += stake.bonded + stake.unbonding
      yield stakes(`stake of ${staker} for node ${node}`, 'stakeOf', [Number(node), staker], stake)
    }
    yield stakes('premium stake', 'totalStaked', [], total)
  }
}

function* reviewQuestions(
  books: Books,
  reviews: (s: string, f: string, a: readonly unknown[], e: Question['expected']) => Question,
): Generator<Question> {
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

const differencesOf = ({ subject, functionName, expected }: Question, answer: unknown): Difference[] => {
  const difference = (field: string, wanted: unknown, got: unknown): Difference[] =>
    String(wanted) === String(got)
      ? []
      : [{ kind: 'storage', subject, field, expected: String(wanted), found: String(got) }]
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
const checkUsdc = async (rpc: Rpc, books: Books, { deployment }: Subject, head: Head) => {
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

const checkAttesters = async (rpc: Rpc, books: Books, { satellites }: Subject, head: Head) => {
  if (!satellites.reputation) return []
  const question: Question = {
    subject: 'reputation',
    to: satellites.reputation,
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
  subject: Subject,
  { head, onProgress }: { head: Head; onProgress: (reads: number) => void },
): Promise<{ differences: Difference[]; reads: number }> => {
  const differences: Difference[] = [
    ...(await checkUsdc(rpc, books, subject, head)),
    ...(await checkAttesters(rpc, books, subject, head)),
  ]
  let reads = 1 + (subject.satellites.reputation ? 1 : 0)
  const flush = async (batch: Question[]) => {
    const answers = await Promise.all(batch.map((question) => ask(rpc, question, head.number)))
    batch.forEach((question, i) => {
      differences.push(...differencesOf(question, answers[i]))
    })
    reads += batch.length
    onProgress(reads)
  }
  let batch: Question[] = []
  for (const question of questions(books, subject)) {
    batch.push(question)
    if (batch.length < AT_ONCE) continue
    await flush(batch)
    batch = []
  }
  await flush(batch)
  return { differences, reads }
}
