// What the contracts around the escrow must answer.
import {
  type Deployment,
  leaseAccessAbi,
  nodeRegistryAbi,
  payoutsAbi,
  premiumStakeAbi,
  reputationAbi,
  reviewsAbi,
  templateRegistryAbi,
} from '@decloud/protocol'
import { type Address, zeroHash } from 'viem'
import type { Books, ListedNode, NodeShelf, TemplateShelf } from './books.ts'
import { RELAY_BPS } from './fold/registry.ts'
import { type Asker, asker, type Question } from './question.ts'
import type { AccessShelf } from './shelves.ts'

export function* aroundQuestions(books: Books, deployment: Deployment): Generator<Question> {
  for (const [registry, shelf] of books.registries) yield* registryQuestions(registry, shelf)
  for (const [registry, shelf] of books.shelves) yield* templateQuestions(registry, shelf)
  const { leaseAccess, reviews, reputation, premiumStake, payouts } = deployment
  if (leaseAccess) yield* accessQuestions(books, asker(leaseAccess, leaseAccessAbi))
  if (reviews) yield* reviewQuestions(books, asker(reviews, reviewsAbi))
  if (reputation) yield* reputationQuestions(books, asker(reputation, reputationAbi))
  if (premiumStake) yield* stakeQuestions(books, asker(premiumStake, premiumStakeAbi))
  if (payouts) yield* payoutQuestions(books, payouts)
}

function* registryQuestions(registry: Address, shelf: NodeShelf): Generator<Question> {
  const nodes = asker(registry, nodeRegistryAbi)
  yield nodes('registry', 'nodeCount', [], shelf.nodes.size)
  for (const [node, listing] of shelf.nodes) yield* nodeQuestions(nodes, node, listing)
  for (const [agent, node] of shelf.agents) yield nodes(`agent ${agent}`, 'nodeOfAgent', [agent], node)
  for (const [key, { expiresAt }] of shelf.attributes) {
    const [node, attribute, auditor] = key.split(' ')
    const subject = `attribute ${attribute} of node ${node} by ${auditor}`
    yield nodes(subject, 'attributeExpiry', [Number(node), attribute, auditor], expiresAt)
  }
}

function* nodeQuestions(
  nodes: Asker<typeof nodeRegistryAbi>,
  node: number,
  listing: ListedNode,
): Generator<Question> {
  const subject = `node ${node}`
  const { operator, agent, active, region, minCharge, notice, relay, capacity, prices } = listing
  const relayBps = relay === 0 ? 0 : RELAY_BPS
  const offer = { operator, agent, active, region, minCharge, notice, relay, relayBps, capacity, prices }
  yield nodes(subject, 'offer', [node], offer)
  yield nodes(subject, 'pendingOperatorOf', [node], listing.pendingOperator)
  yield nodes(subject, 'nodeIdOf', [node], listing.nodeId)
  yield nodes(subject, 'indexOf', [listing.nodeId], node)
  yield nodes(subject, 'sealingKeyOf', [node], { 0: listing.sealingKey, 1: listing.epoch })
  const places = relay === 0 ? listing.relayCapacity : 0
  yield nodes(subject, 'relayOfferOf', [node], { 0: places, 1: listing.relayed })
  yield nodes(subject, 'networkOf', [node], { 0: listing.wireguardKey, 1: listing.behindNat })
  const isPriced = Object.values(prices).some((price) => price !== 0n)
  yield nodes(subject, 'hasCustomPricing', [node], isPriced)
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

function* accessQuestions(books: Books, access: Asker<typeof leaseAccessAbi>): Generator<Question> {
  const { levels, manifests, keys } = books.access
  for (const [leaseId, granted] of levels) {
    const subject = `lease ${leaseId}`
    // With the lease all access is over, whatever was granted.
    const isLive = (books.leases.get(leaseId)?.state ?? 'Ended') !== 'Ended'
    for (const [account, level] of granted) {
      yield access(subject, 'levelOf', [leaseId, account], isLive ? level : 0)
    }
    const collaborators = isLive ? collaboratorsOf(granted, keys) : []
    yield access(subject, 'collaboratorsOf', [leaseId], byAccount(collaborators), byAccount)
  }
  for (const [leaseId, head] of manifests) yield access(`lease ${leaseId}`, 'manifestOf', [leaseId], head)
  for (const [account, { sealingKey, epoch }] of keys) {
    yield access(`account ${account}`, 'sealingKeyOf', [account], { 0: sealingKey, 1: epoch })
  }
}

type Collaborator = { account: Address; level: number; sealingKey: string; epoch: number }

const collaboratorsOf = (granted: ReadonlyMap<Address, number>, keys: AccessShelf['keys']): Collaborator[] =>
  [...granted]
    .filter(([, level]) => level !== 0)
    .map(([account, level]) => ({
      account,
      level,
      ...(keys.get(account) ?? { sealingKey: zeroHash, epoch: 0 }),
    }))

/** Their order means nothing. */
const byAccount = (list: readonly Collaborator[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(list.map(({ account, ...held }) => [account, held]))

function* reviewQuestions(books: Books, reviews: Asker<typeof reviewsAbi>): Generator<Question> {
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

function* reputationQuestions(books: Books, reputation: Asker<typeof reputationAbi>): Generator<Question> {
  const sorted = (list: readonly Address[]) => [...list].sort().join(' ')
  yield reputation('reputation', 'attesters', [], sorted([...books.attesters]), sorted)
  for (const [key, word] of books.words) {
    const [attester, day, group] = key.split(' ')
    yield reputation(`attester ${attester}`, 'wordOf', [attester, Number(day), Number(group)], word)
  }
  for (const [node, book] of books.nodes) {
    yield reputation(`node ${node}`, 'countersOf', [node], { 0: book.hosted, 1: book.completed })
  }
}

function* stakeQuestions(books: Books, stakes: Asker<typeof premiumStakeAbi>): Generator<Question> {
  let total = 0n
  for (const [key, stake] of books.stakes) {
    const [node, staker] = key.split(' ')
    total += stake.bonded + stake.unbonding
    yield stakes(`stake of ${staker} for node ${node}`, 'stakeOf', [Number(node), staker], stake)
  }
  yield stakes('premium stake', 'totalStaked', [], total)
}

function* payoutQuestions(books: Books, address: Address): Generator<Question> {
  const payouts = asker(address, payoutsAbi)
  for (const [node, payout] of books.payouts) {
    yield payouts(`payout of node ${node}`, 'payoutOf', [node], payout)
    const isPayee = books.nodes.get(node)?.payee === address
    yield payouts(`payout of node ${node}`, 'isEnrolled', [node], isPayee)
  }
}
