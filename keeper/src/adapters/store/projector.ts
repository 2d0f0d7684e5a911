// Logs → ledger. Applying and reverting are the same act: refold what the events name from the logs that are stored now.
import { type EventReader, makeEventReader, migrate, type Projector } from '@decloud/chain'
import {
  applyLeaseEvent,
  type Deployment,
  due,
  earningsOf,
  type LeaseView,
  leaseSources,
  type ProtocolEvent,
  pointUnits,
} from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Address, type Hex, pad, toHex } from 'viem'
import { applyNodeEvent, type NodeView } from '../../domain/node.ts'
import { policyAt } from '../../domain/policy.ts'
import { fromJson, toJson } from '../../lib/json.ts'
import { LEDGER_SCHEMA } from './schema.ts'

type Touched = {
  leases: Set<Hex>
  nodes: Set<number>
  accounts: Set<Address>
  tills: Set<number>
  policy: boolean
}

const touchedBy = (events: readonly ProtocolEvent[]): Touched => {
  const touched: Touched = {
    leases: new Set(),
    nodes: new Set(),
    accounts: new Set(),
    tills: new Set(),
    policy: false,
  }
  for (const event of events) touch(touched, event)
  return touched
}

const touch = (touched: Touched, event: ProtocolEvent): void => {
  switch (event.contract) {
    case 'NodeRegistry':
      touched.nodes.add(event.args.node)
      return
    case 'PricePolicy':
      touched.policy ||= event.name === 'PolicyChanged'
      return
    case 'LeaseEscrow':
      if (event.name === 'BalanceChanged') touched.accounts.add(event.args.account)
      else if (event.name === 'EarnedWithdrawn') touched.tills.add(event.args.node)
      else if ('leaseId' in event.args) touched.leases.add(event.args.leaseId)
      return
    case 'LeaseMandates':
      if ('leaseId' in event.args) touched.leases.add(event.args.leaseId)
      return
    // Of these the ledger keeps nothing.
    case 'LeaseDesk':
    case 'DowntimeQuorum':
    case 'TemplateRegistry':
    case 'LeaseAccess':
    case 'Reviews':
    case 'Reputation':
    case 'PremiumStake':
    case 'Payouts':
      return
    default:
      event satisfies never
  }
}

const isOpen = (lease: LeaseView) => lease.status !== 'Ended' || lease.settled < due(lease, lease.endedAt)

/** @returns the projector, and `refoldAll`: the whole ledger anew from the stored logs. */
export const makeLedgerProjector = (deployment: Deployment) => {
  const read = makeEventReader(deployment)
  const refold = (db: Database, events: readonly ProtocolEvent[]) => {
    const touched = touchedBy(events)
    const policies = read(db, { address: deployment.pricePolicy })
    if (touched.policy) refoldPolicy(db, policies)
    for (const node of touched.nodes) refoldNode(db, read, deployment, node)
    for (const leaseId of touched.leases) refoldLease(db, read, deployment, leaseId, policies)
    for (const account of touched.accounts) refoldAccount(db, read, deployment, account)
    for (const node of touched.tills) refoldTill(db, read, deployment, node)
  }
  const projector: Projector = {
    migrate: (db) => migrate(db, 'ledger', LEDGER_SCHEMA),
    apply: refold,
    revert: refold,
  }
  const refoldAll = (db: Database) =>
    db
      .transaction(() => {
        db.exec(
          'DELETE FROM leases; DELETE FROM nodes; DELETE FROM accounts; DELETE FROM earnings; DELETE FROM policy',
        )
        const { leaseEscrow, nodeRegistry, pricePolicy } = deployment
        for (const address of [pricePolicy, nodeRegistry, leaseEscrow]) refold(db, read(db, { address }))
      })
      .immediate()
  return { projector, refoldAll }
}

const word = (value: number) => pad(toHex(value), { size: 32 })

const refoldPolicy = (db: Database, policies: readonly ProtocolEvent[]) => {
  const parameters = policyAt(policies, undefined)
  if (parameters === undefined) db.exec('DELETE FROM policy')
  else db.prepare('INSERT OR REPLACE INTO policy VALUES (1, ?)').run(toJson(parameters))
}

const refoldNode = (db: Database, read: EventReader, deployment: Deployment, node: number) => {
  const events = read(db, { address: deployment.nodeRegistry, topic1: word(node) })
  const view = events.reduce<NodeView | undefined>(applyNodeEvent, undefined)
  if (view === undefined) db.prepare('DELETE FROM nodes WHERE node = ?').run(node)
  else db.prepare('INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)').run(node, view.nodeId, toJson(view))
}

const refoldLease = (
  db: Database,
  read: EventReader,
  deployment: Deployment,
  leaseId: Hex,
  policies: readonly ProtocolEvent[],
) => {
  const events = read(db, { address: leaseSources(deployment), topic1: leaseId })
  const old = db.prepare('SELECT view FROM leases WHERE lease_id = ?').get(leaseId) as
    | { view: string }
    | undefined
  const lease = events.reduce<LeaseView | undefined>(applyLeaseEvent, undefined)
  const before = old === undefined ? undefined : fromJson<LeaseView>(old.view)
  moveEarnings(db, before && earningsOf(before), lease && earningsOf(lease))
  if (lease === undefined) {
    db.prepare('DELETE FROM leases WHERE lease_id = ?').run(leaseId)
    return
  }
  const assigned = events.find((event) => event.name === 'LeaseAssigned')
  const policy = assigned === undefined ? undefined : policyAt(policies, assigned)
  db.prepare(
    `INSERT OR REPLACE INTO leases VALUES (@leaseId, @tenant, @node, @status, @requestedAtBlock, @open,
       @pointUnits, @memoryMiB, @diskGiB, @gpus, @live, @view)`,
  ).run({
    leaseId,
    tenant: lease.tenant.toLowerCase(),
    node: lease.node,
    status: lease.status,
    requestedAtBlock: lease.requestedAtBlock,
    open: isOpen(lease) ? 1 : 0,
    pointUnits: policy === undefined ? 0n : pointUnits(lease.terms, policy),
    memoryMiB: lease.terms.memoryMiB,
    diskGiB: lease.terms.diskGiB,
    gpus: lease.terms.gpus,
    live: lease.status === 'Assigned' || lease.status === 'Active' ? 1 : 0,
    view: toJson(lease),
  })
}

type Earnings = ReturnType<typeof earningsOf>

const moveEarnings = (db: Database, before: Earnings = new Map(), after: Earnings = new Map()) => {
  for (const node of new Set([...before.keys(), ...after.keys()])) {
    const change = (after.get(node) ?? 0n) - (before.get(node) ?? 0n)
    if (change === 0n) continue
    const row = db.prepare('SELECT credited FROM earnings WHERE node = ?').get(node) as
      | { credited: string }
      | undefined
    db.prepare(
      'INSERT INTO earnings (node, credited) VALUES (?, ?) ON CONFLICT (node) DO UPDATE SET credited = excluded.credited',
    ).run(node, String(BigInt(row?.credited ?? '0') + change))
  }
}

const refoldAccount = (db: Database, read: EventReader, deployment: Deployment, account: Address) => {
  const key = account.toLowerCase() as Address
  const last = read(db, { address: deployment.leaseEscrow, topic1: pad(key, { size: 32 }) }).findLast(
    (event) => event.name === 'BalanceChanged',
  )
  if (last === undefined) db.prepare('DELETE FROM accounts WHERE account = ?').run(key)
  else db.prepare('INSERT OR REPLACE INTO accounts VALUES (?, ?)').run(key, String(last.args.balance))
}

const refoldTill = (db: Database, read: EventReader, deployment: Deployment, node: number) => {
  const last = read(db, { address: deployment.leaseEscrow, topic1: word(node) }).findLast(
    (event) => event.name === 'EarnedWithdrawn',
  )
  db.prepare(
    `INSERT INTO earnings (node, withdrawn) VALUES (?, ?)
     ON CONFLICT (node) DO UPDATE SET withdrawn = excluded.withdrawn`,
  ).run(node, String(last?.args.withdrawn ?? 0n))
}
