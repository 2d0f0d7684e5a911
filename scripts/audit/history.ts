// All logs up to one block → the books.
import {
  DecloudError,
  type Deployment,
  downtimeQuorumAbi,
  leaseAccessAbi,
  leaseDeskAbi,
  leaseEscrowAbi,
  leaseMandatesAbi,
  nodeRegistryAbi,
  payoutsAbi,
  premiumStakeAbi,
  pricePolicyAbi,
  reputationAbi,
  reviewsAbi,
  templateRegistryAbi,
} from '@decloud/protocol'
import {
  type Abi,
  type AbiEvent,
  type Address,
  decodeEventLog,
  getAddress,
  type Hex,
  pad,
  toEventSelector,
} from 'viem'
import { usdcAbi } from './abi.ts'
import { type Books, emptyBooks, must, type Place } from './books.ts'
import { timesOf } from './clock.ts'
import { accessFold } from './fold/access.ts'
import { deskFold, mandatesFold, quorumFold } from './fold/desk.ts'
import { escrowFold } from './fold/escrow.ts'
import { payoutsFold } from './fold/payouts.ts'
import { registryFold } from './fold/registry.ts'
import { policyFold, premiumStakeFold, reputationFold, reviewsFold } from './fold/satellites.ts'
import { closeTransaction } from './fold/settlement.ts'
import { templatesFold } from './fold/templates.ts'
import type { ChainLog, Head, LogFilter, Rpc } from './rpc.ts'
import { scan } from './scan.ts'

type Step = (books: Books, log: ChainLog, place: Place) => void

// A log that no handler knows is reported and not skipped: an audit older than its contracts must not say "all good".
const stepOf = (contract: string, abi: Abi, handlers: Record<string, unknown>): Step => {
  const events = new Map(
    abi
      .filter((item): item is AbiEvent => item.type === 'event')
      .map((event) => [toEventSelector(event), event]),
  )
  return (books, log, place) => {
    const event = events.get(log.topics[0])
    if (event === undefined) {
      must(books, place, contract, 'event', 'one that this audit knows', log.topics[0])
      return
    }
    const { args } = decodeEventLog({ abi: [event], topics: log.topics, data: log.data })
    ;(handlers[event.name] as (books: Books, args: unknown, place: Place) => void)(books, args, place)
  }
}

const TRANSFER = toEventSelector(usdcAbi[0])

const transferStep =
  (escrow: Address): Step =>
  (books, log) => {
    const { args } = decodeEventLog({ abi: usdcAbi, topics: log.topics, data: log.data })
    if (args.to === escrow) books.usdc += args.value
    if (args.from === escrow) books.usdc -= args.value
  }

type Pointed = Readonly<Record<'registries' | 'policies' | 'templates', ReadonlySet<Address>>>

/** Every registry and policy that the desk ever read: a lease is held against those of its time. */
const pointedOf = async (rpc: Rpc, deployment: Deployment, from: bigint, head: Head): Promise<Pointed> => {
  const registries = new Set<Address>([deployment.nodeRegistry])
  const policies = new Set<Address>([deployment.pricePolicy])
  const templates = new Set<Address>(
    deployment.templateRegistry === undefined ? [] : [deployment.templateRegistry],
  )
  const moves = leaseDeskAbi
    .filter((item) => item.type === 'event')
    .filter((event) => event.name === 'PointersMoved' || event.name === 'TemplatesMoved')
  const filter = { address: deployment.leaseDesk, topics: [moves.map((event) => toEventSelector(event))] }
  for await (const { logs } of scan(rpc, [filter], { from, to: head.number })) {
    for (const log of logs) {
      const event = decodeEventLog({ abi: leaseDeskAbi, topics: log.topics, data: log.data })
      if (event.eventName === 'PointersMoved') {
        registries.add(event.args.registry)
        policies.add(event.args.policy)
      }
      if (event.eventName === 'TemplatesMoved') templates.add(event.args.templates)
    }
  }
  return { registries, policies, templates }
}

const stepsOf = (deployment: Deployment, { registries, policies, templates }: Pointed) => {
  const steps = new Map<Address, Step>([
    [deployment.leaseEscrow, stepOf('escrow', leaseEscrowAbi, escrowFold)],
    [deployment.leaseDesk, stepOf('desk', leaseDeskAbi, deskFold)],
    [deployment.downtimeQuorum, stepOf('quorum', downtimeQuorumAbi, quorumFold)],
    [deployment.leaseMandates, stepOf('mandates', leaseMandatesAbi, mandatesFold)],
    [deployment.usdc, transferStep(deployment.leaseEscrow)],
  ])
  for (const registry of registries) steps.set(registry, stepOf('registry', nodeRegistryAbi, registryFold))
  for (const policy of policies) steps.set(policy, stepOf('policy', pricePolicyAbi, policyFold))
  for (const registry of templates) {
    steps.set(registry, stepOf('templates', templateRegistryAbi, templatesFold))
  }
  const { leaseAccess, reviews, reputation, premiumStake, payouts } = deployment
  if (leaseAccess) steps.set(leaseAccess, stepOf('access', leaseAccessAbi, accessFold))
  if (reviews) steps.set(reviews, stepOf('reviews', reviewsAbi, reviewsFold))
  if (reputation) steps.set(reputation, stepOf('reputation', reputationAbi, reputationFold))
  if (premiumStake) steps.set(premiumStake, stepOf('premium stake', premiumStakeAbi, premiumStakeFold))
  if (payouts) steps.set(payouts, stepOf('payouts', payoutsAbi, payoutsFold))
  return steps
}

const filtersOf = (deployment: Deployment, steps: ReadonlyMap<Address, Step>): LogFilter[] => {
  const escrow: Hex = pad(deployment.leaseEscrow)
  return [
    { address: [...steps.keys()].filter((address) => address !== deployment.usdc) },
    { address: deployment.usdc, topics: [TRANSFER, null, escrow] },
    { address: deployment.usdc, topics: [TRANSFER, escrow] },
  ]
}

/**
 * @param from the first block to read; anything that happened before it is missing from the books.
 * @param onProgress told after every range.
 * @throws DecloudError `rpc-failed`, `chain-moved`.
 */
export const readHistory = async (
  rpc: Rpc,
  deployment: Deployment,
  { from, head, onProgress }: { from: bigint; head: Head; onProgress: (block: bigint, logs: number) => void },
): Promise<{ books: Books; logs: number }> => {
  const steps = stepsOf(deployment, await pointedOf(rpc, deployment, from, head))
  const books = emptyBooks()
  const transactions = makeTransactions(books)
  let count = 0
  for await (const { to, logs } of scan(rpc, filtersOf(deployment, steps), { from, to: head.number })) {
    const times = await timesOf(rpc, logs)
    for (const log of logs) {
      const emitter = getAddress(log.address)
      const place = {
        block: BigInt(log.blockNumber),
        timestamp: times.get(log.blockHash)!,
        transaction: log.transactionHash,
        emitter,
      }
      transactions.enter(place)
      const step = steps.get(emitter)
      if (step === undefined) {
        throw new DecloudError('rpc-failed', `The RPC sent a log of ${emitter}, which nobody asked for.`)
      }
      step(books, log, place)
    }
    count += logs.length
    onProgress(to, count)
  }
  transactions.finish()
  return { books, logs: count }
}

/** Every transaction must bring what it promises: what goes out of the escrow was owed, what is owed came in. */
const makeTransactions = (books: Books) => {
  let current: Place | undefined
  let before = { usdc: 0n, obligations: 0n }
  const finish = () => {
    if (current === undefined) return
    closeTransaction(books)
    const surplus = books.usdc - before.usdc - (books.obligations - before.obligations)
    if (surplus < 0n) must(books, current, 'escrow', 'USDC without cover in one transaction', 0n, -surplus)
    else books.donated += surplus
  }
  const enter = (place: Place) => {
    if (current?.transaction === place.transaction) return
    finish()
    current = place
    before = { usdc: books.usdc, obligations: books.obligations }
  }
  return { enter, finish }
}
