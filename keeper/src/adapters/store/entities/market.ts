// Internal balances, policies, and what there is one of.
import type { Deployment, PolicyParameters, ProtocolEvent } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Address, zeroAddress } from 'viem'
import {
  applyAttesterEvent,
  applyDeskEvent,
  applyQuorumEvent,
  type DeskView,
  EMPTY_DESK,
  EMPTY_QUORUM,
  type QuorumView,
} from '../../../domain/desk.ts'
import { flowsOfBalance } from '../../../domain/flow.ts'
import { policyIn } from '../../../domain/policy.ts'
import { amount, type Cell, type Columns, height, integer, json, makeTable, text } from '../table.ts'
import type { Entity } from './entity.ts'
import type { makeFlows } from './sums.ts'
import { addressWord } from './words.ts'

const ACCOUNT_COLUMNS: Columns<{ account: Address; balance: bigint }> = {
  account: ['account', text<Address>()],
  balance: ['balance', amount],
}

export const accountTable = (db: Database) =>
  makeTable(db, { name: 'accounts', key: ['account'], columns: ACCOUNT_COLUMNS })

export const accountEntity = (
  db: Database,
  { leaseEscrow }: Deployment,
  flows: ReturnType<typeof makeFlows>,
): Entity<Address, bigint> => {
  const accounts = accountTable(db)
  return {
    contracts: ['LeaseEscrow'],
    keyOf: ({ name, args }) => (name === 'BalanceChanged' ? args.account : undefined),
    logs: (account) => ({ address: leaseEscrow, topic1: addressWord(account) }),
    apply: (balance, event) => (event.name === 'BalanceChanged' ? event.args.balance : balance),
    onStep: (event, before) => {
      if (event.name === 'BalanceChanged') flows.add(flowsOfBalance(event, before ?? 0n))
    },
    load: (account) => accounts.get(account)?.balance,
    save: (account, _, balance) => {
      if (balance === undefined) accounts.drop(account)
      else accounts.put({ account, balance })
    },
  }
}

export type PolicyRow = { policy: PolicyParameters; block: bigint; logIndex: number; at: number }

const POLICY_COLUMNS: Columns<PolicyRow> = {
  block: ['block', height],
  logIndex: ['log_index', integer],
  at: ['at', integer],
  policy: ['policy', json<PolicyParameters>()],
}

export const policyTable = (db: Database) =>
  makeTable(db, { name: 'policies', key: ['block', 'logIndex'], columns: POLICY_COLUMNS })

/** Every policy there was: a lease keeps the units it was assigned with. */
export const policyEntity = (db: Database, { pricePolicy }: Deployment): Entity<string, PolicyRow> => {
  const policies = policyTable(db)
  const parts = (key: string) => key.split(' ').map(Number) as [number, number]
  return {
    contracts: ['PricePolicy'],
    keyOf: ({ name, blockNumber, logIndex }) =>
      name === 'PolicyChanged' ? `${blockNumber} ${logIndex}` : undefined,
    logs: () => ({ address: pricePolicy }),
    apply: (row, event) =>
      event.name === 'PolicyChanged'
        ? {
            ...{ block: event.blockNumber, logIndex: event.logIndex, at: Number(event.timestamp) },
            policy: policyIn(event),
          }
        : row,
    load: (key) => policies.get(...parts(key)),
    save: (key, _, after) => {
      if (after === undefined) policies.drop(...parts(key))
      else policies.put(after)
    },
  }
}

/** The policy in force when an event happened; `forget` before the table may have changed. */
export const makePolicyHistory = (db: Database) => {
  const policies = policyTable(db)
  const all = db.prepare(`SELECT ${policies.select('p')} FROM policies p ORDER BY block, log_index`).raw()
  let known: PolicyRow[] | null = null
  return {
    forget: () => {
      known = null
    },
    at: ({ blockNumber, logIndex }: Pick<ProtocolEvent, 'blockNumber' | 'logIndex'>) => {
      known ??= (all.all() as Cell[][]).map((cells) => policies.read(cells))
      return known.findLast(
        (row) => row.block < blockNumber || (row.block === blockNumber && row.logIndex < logIndex),
      )?.policy
    },
  }
}

export type Singles = { desk: DeskView; quorum: QuorumView; attesters: readonly Address[] }

export const singleTable = <name extends keyof Singles>(db: Database) =>
  makeTable(db, {
    name: 'singles',
    key: ['name'],
    columns: { name: ['name', text<name>()], view: ['view', json<Singles[name]>()] } satisfies Columns<{
      name: name
      view: Singles[name]
    }>,
  })

const singleEntity = <name extends keyof Singles>(
  db: Database,
  name: name,
  contract: { is: ProtocolEvent['contract']; address: Address | undefined; only?: ProtocolEvent['name'] },
  fold: { empty: Singles[name]; apply(view: Singles[name], event: ProtocolEvent): Singles[name] },
): Entity<string, Singles[name]> => {
  const singles = singleTable<name>(db)
  return {
    contracts: [contract.is],
    keyOf: (event) => (event.name === (contract.only ?? event.name) ? name : undefined),
    logs: () => ({ address: contract.address ?? zeroAddress }),
    apply: (view, event) => fold.apply(view ?? fold.empty, event),
    load: () => singles.get(name)?.view,
    save: (_, __, view) => {
      if (view === undefined) singles.drop(name)
      else singles.put({ name, view })
    },
  }
}

export const deskEntity = (db: Database, { leaseDesk }: Deployment) =>
  singleEntity(
    db,
    'desk',
    { is: 'LeaseDesk', address: leaseDesk },
    { empty: EMPTY_DESK, apply: applyDeskEvent },
  )

/** Votes are about a lease, and change nothing here. */
export const quorumEntity = (db: Database, { downtimeQuorum }: Deployment) =>
  singleEntity(
    db,
    'quorum',
    { is: 'DowntimeQuorum', address: downtimeQuorum, only: 'AttestersChanged' },
    { empty: EMPTY_QUORUM, apply: applyQuorumEvent },
  )

export const attesterEntity = (db: Database, { reputation }: Deployment) =>
  singleEntity(
    db,
    'attesters',
    { is: 'Reputation', address: reputation, only: 'AttesterChanged' },
    { empty: [], apply: applyAttesterEvent },
  )
