// Nodes as the registry keeps them, what was taken out of their books, and the stakes on them.
import type { Deployment, Prices } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Address, type Hex, zeroAddress } from 'viem'
import { applyTillEvent, EMPTY_TILL, type Till } from '../../../domain/book.ts'
import { flowsOfWithdrawal } from '../../../domain/flow.ts'
import {
  applyNodeEvent,
  type Capacity,
  type NodeNetwork,
  type NodeView,
  regionText,
} from '../../../domain/node.ts'
import { type StakeView, stakeIn } from '../../../domain/stake.ts'
import { amount, type Columns, flag, integer, json, makeTable, text } from '../table.ts'
import type { Entity } from './entity.ts'
import type { makeFlows } from './sums.ts'
import { numberWord, sameText } from './words.ts'

const NODE_COLUMNS: Columns<NodeView> = {
  node: ['node', integer],
  nodeId: ['node_id', text<Hex>()],
  operator: ['operator', text<Address>()],
  pendingOperator: ['pending_operator', text<Address>()],
  agent: ['agent', text<Address>()],
  active: ['active', flag],
  region: ['region', text<Hex>()],
  minCharge: ['min_charge', integer],
  notice: ['notice', integer],
  capacity: ['capacity', json<Capacity>()],
  prices: ['prices', json<Prices>()],
  endpoint: ['endpoint', text()],
  sealingKey: ['sealing_key', text<Hex>()],
  sealingKeyEpoch: ['sealing_key_epoch', integer],
  relay: ['relay', integer],
  relayCapacity: ['relay_capacity', integer],
  network: ['network', json<NodeNetwork>()],
  description: ['description', text()],
  tags: ['tags', json<readonly string[]>()],
  attributes: ['attributes', json<NodeView['attributes']>()],
  registeredAt: ['registered_at', integer],
}

export const nodeTable = (db: Database) =>
  makeTable(db, { name: 'nodes', key: ['node'], columns: NODE_COLUMNS })

const searchedText = ({ description, tags, region }: NodeView) => [
  description,
  tags.join(' '),
  regionText(region),
]

/** @param auditors in lower case: all that they signed about a node is kept. */
export const nodeEntity = (
  db: Database,
  { nodeRegistry }: Deployment,
  auditors: ReadonlySet<string>,
): Entity<number, NodeView> => {
  const nodes = nodeTable(db)
  const unlist = db.prepare('DELETE FROM node_search WHERE rowid = ?')
  const list = db.prepare('INSERT INTO node_search (rowid, description, tags, region) VALUES (?, ?, ?, ?)')
  return {
    contracts: ['NodeRegistry'],
    keyOf: ({ args }) => ('node' in args ? args.node : undefined),
    logs: (node) => ({ address: nodeRegistry, topic1: numberWord(node) }),
    apply: (view, event) => applyNodeEvent(view, event, auditors),
    load: (node) => nodes.get(node),
    save: (node, before, after) => {
      if (after === undefined) nodes.drop(node)
      else nodes.put(after)
      const [old, now] = [before && searchedText(before), after && searchedText(after)]
      if (sameText(old, now)) return
      if (old !== undefined) unlist.run(node)
      if (now !== undefined) list.run(node, ...now)
    },
  }
}

const TILL_COLUMNS: Columns<Till & { node: number }> = {
  node: ['node', integer],
  withdrawn: ['withdrawn', amount],
  payee: ['payee', text<Address>()],
  pendingPayee: ['pending_payee', text<Address>()],
  operator: ['operator', text<Address>()],
}

export const tillTable = (db: Database) =>
  makeTable(db, { name: 'tills', key: ['node'], columns: TILL_COLUMNS })

const TILL_EVENTS = ['EarnedWithdrawn', 'PayeeProposed', 'PayeeChanged', 'NodeOperatorChanged']

export const tillEntity = (
  db: Database,
  { leaseEscrow }: Deployment,
  flows: ReturnType<typeof makeFlows>,
): Entity<number, Till> => {
  const tills = tillTable(db)
  return {
    contracts: ['LeaseEscrow'],
    keyOf: ({ name, args }) => (TILL_EVENTS.includes(name) && 'node' in args ? args.node : undefined),
    logs: (node) => ({ address: leaseEscrow, topic1: numberWord(node) }),
    apply: (till, event) => applyTillEvent(till ?? EMPTY_TILL, event),
    onStep: (event) => {
      if (event.name === 'EarnedWithdrawn') flows.add(flowsOfWithdrawal(event))
    },
    load: (node) => tills.get(node),
    save: (node, _, after) => {
      if (after === undefined) tills.drop(node)
      else tills.put({ ...after, node })
    },
  }
}

const STAKE_COLUMNS: Columns<StakeView> = {
  node: ['node', integer],
  staker: ['staker', text<Address>()],
  bonded: ['bonded', amount],
  unbonding: ['unbonding', amount],
  lockedUntil: ['locked_until', integer],
  releaseAt: ['release_at', integer],
}

export const stakeTable = (db: Database) =>
  makeTable(db, { name: 'stakes', key: ['node', 'staker'], columns: STAKE_COLUMNS })

const stakeKey = (key: string): [number, string] => {
  const [node, staker] = key.split(' ')
  return [Number(node), staker!]
}

export const stakeEntity = (db: Database, { premiumStake }: Deployment): Entity<string, StakeView> => {
  const stakes = stakeTable(db)
  return {
    contracts: ['PremiumStake'],
    keyOf: (event) =>
      event.contract === 'PremiumStake' ? `${event.args.node} ${event.args.staker}` : undefined,
    logs: (key) => ({ address: premiumStake ?? zeroAddress, topic1: numberWord(stakeKey(key)[0]) }),
    apply: (view, event) => (event.contract === 'PremiumStake' ? stakeIn(event) : view),
    load: (key) => stakes.get(...stakeKey(key)),
    save: (key, _, after) => {
      if (after === undefined) stakes.drop(...stakeKey(key))
      else stakes.put(after)
    },
  }
}
