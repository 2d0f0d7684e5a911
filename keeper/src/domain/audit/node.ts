// What the contracts must say of a node, of what was taken out of its books, and of stakes on it.
import type { Deployment } from '@decloud/protocol'
import type { Address } from 'viem'
import type { MarketNode } from '../../ports/market.ts'
import type { NodeBook } from '../book.ts'
import { asker, type Question } from '../question.ts'
import type { StakeView } from '../stake.ts'

const inRegistry = (deployment: Deployment, node: MarketNode): Question[] => {
  const { operator, agent, active, region, minCharge, notice, relay, capacity, prices, network } = node
  const args = [node.node]
  return asker(deployment, 'nodeRegistry')('node', node.node, [
    {
      ...{ functionName: 'offer', args },
      expected: { operator, agent, active, region, minCharge, notice, relay, capacity, prices },
    },
    {
      functionName: 'nodeIdOf',
      args,
      expected: { nodeId: node.nodeId },
      read: ({ value }) => ({ nodeId: value }),
    },
    {
      ...{
        functionName: 'sealingKeyOf',
        args,
        expected: { sealingKey: node.sealingKey, sealingKeyEpoch: node.sealingKeyEpoch },
      },
      read: ({ sealingKey, epoch }) => ({ sealingKey, sealingKeyEpoch: epoch }),
    },
    {
      // Behind a relay a node offers no places, whatever it set.
      ...{
        functionName: 'relayOfferOf',
        args,
        expected: { relayCapacity: relay === 0 ? node.relayCapacity : 0, relayed: node.relayed },
      },
      read: ({ capacity, used }) => ({ relayCapacity: capacity, relayed: used }),
    },
    {
      ...{ functionName: 'pendingOperatorOf', args, expected: { pendingOperator: node.pendingOperator } },
      read: ({ value }) => ({ pendingOperator: value }),
    },
    {
      ...{ functionName: 'networkOf', args },
      expected: { wireguardKey: network.wireguardKey, behindNat: network.behindNat },
    },
    ...node.attributes.map(({ attribute, auditor, expiresAt }) => ({
      ...{ functionName: 'attributeExpiry', args: [node.node, attribute, auditor] },
      expected: { [`attribute ${attribute} by ${auditor}`]: expiresAt },
      read: ({ value }: { value?: unknown }) => ({ [`attribute ${attribute} by ${auditor}`]: value }),
    })),
  ])
}

/** The figures of attesters move with the day of the block that is asked. */
export const nodeQuestions = (deployment: Deployment, node: MarketNode): Question[] => {
  const args = [node.node]
  const { rating, uptime, isPremium } = node
  return [
    ...inRegistry(deployment, node),
    ...asker(deployment, 'leaseEscrow')('node', node.node, [
      {
        ...{ functionName: 'inUse', args, expected: { inUse: node.inUse } },
        read: (inUse) => ({ inUse }),
      },
      {
        ...{ functionName: 'nodeCounters', args },
        expected: { hosted: node.hosted, completed: node.completed },
      },
    ]),
    ...asker(deployment, 'reviews')('rating', `node ${node.node}`, [
      { functionName: 'nodeRatingOf', args, expected: rating },
    ]),
    ...asker(deployment, 'reputation')('node', node.node, [
      { functionName: 'uptimeOf', args, expected: uptime },
    ]),
    ...asker(deployment, 'premiumStake')('node', node.node, [
      {
        functionName: 'isPremium',
        args,
        expected: { isPremium },
        read: ({ value }) => ({ isPremium: value }),
      },
    ]),
  ]
}

export const bookQuestions = (deployment: Deployment, book: NodeBook): Question[] => {
  const ask = asker(deployment, 'leaseEscrow')
  const args = [book.node]
  const one = (functionName: string, field: string, value: Address) => ({
    ...{ functionName, args, expected: { [field]: value } },
    read: (answer: { value?: unknown }) => ({ [field]: answer.value }),
  })
  return [
    ...ask('earned', book.node, [
      {
        ...{ functionName: 'earnedOf', args, expected: { earned: book.credited - book.withdrawn } },
        read: ({ value }) => ({ earned: value }),
      },
    ]),
    ...ask('node', book.node, [
      one('payeeOf', 'payee', book.payee),
      one('pendingPayeeOf', 'pendingPayee', book.pendingPayee),
      one('operatorOf', 'leaseOperator', book.operator),
    ]),
  ]
}

export const stakeQuestions = (deployment: Deployment, stakes: readonly StakeView[]): Question[] => [
  ...stakes.flatMap(({ node, staker, ...held }) =>
    asker(deployment, 'premiumStake')('stake', `${node} ${staker}`, [
      { functionName: 'stakeOf', args: [node, staker], expected: held },
    ]),
  ),
  ...asker(deployment, 'premiumStake')('stake', 'all', [
    {
      functionName: 'totalStaked',
      expected: { sum: stakes.reduce((sum, { bonded, unbonding }) => sum + bonded + unbonding, 0n) },
      read: ({ value }) => ({ sum: value }),
    },
  ]),
]
