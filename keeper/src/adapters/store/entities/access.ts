// Collaborators of leases, the keys of accounts, and manifests that followed the first.
import type { Deployment } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Address, type Hex, zeroAddress } from 'viem'
import {
  type GrantView,
  levelName,
  type PostedManifestView,
  type SealingKeyView,
} from '../../../domain/access.ts'
import { bytes, type Columns, height, integer, makeTable, text } from '../table.ts'
import type { Entity } from './entity.ts'
import { addressWord } from './words.ts'

const GRANT_COLUMNS: Columns<GrantView> = {
  leaseId: ['lease_id', text<Hex>()],
  account: ['account', text<Address>()],
  level: ['level', text<GrantView['level']>()],
  since: ['since', integer],
}

export const grantTable = (db: Database) =>
  makeTable(db, { name: 'grants', key: ['leaseId', 'account'], columns: GRANT_COLUMNS })

export const grantEntity = (db: Database, { leaseAccess }: Deployment): Entity<string, GrantView> => {
  const grants = grantTable(db)
  const parts = (key: string) => key.split(' ') as [Hex, Address]
  return {
    contracts: ['LeaseAccess'],
    keyOf: ({ name, args }) => (name === 'AccessChanged' ? `${args.leaseId} ${args.account}` : undefined),
    logs: (key) => ({ address: leaseAccess ?? zeroAddress, topic1: parts(key)[0] }),
    apply: (view, event) => {
      if (event.name !== 'AccessChanged') return view
      const { leaseId, account } = event.args
      const level = levelName(event.args.level)
      return level === 'None'
        ? undefined
        : { leaseId, account, level, since: view?.since ?? Number(event.timestamp) }
    },
    load: (key) => grants.get(...parts(key)),
    save: (key, _, after) => {
      if (after === undefined) grants.drop(...parts(key))
      else grants.put(after)
    },
  }
}

const KEY_COLUMNS: Columns<SealingKeyView> = {
  account: ['account', text<Address>()],
  sealingKey: ['sealing_key', text<Hex>()],
  epoch: ['epoch', integer],
}

export const sealingKeyTable = (db: Database) =>
  makeTable(db, { name: 'sealing_keys', key: ['account'], columns: KEY_COLUMNS })

export const sealingKeyEntity = (
  db: Database,
  { leaseAccess }: Deployment,
): Entity<Address, SealingKeyView> => {
  const keys = sealingKeyTable(db)
  return {
    contracts: ['LeaseAccess'],
    keyOf: (event) =>
      event.contract === 'LeaseAccess' && event.name === 'SealingKeyChanged' ? event.args.account : undefined,
    logs: (account) => ({ address: leaseAccess ?? zeroAddress, topic1: addressWord(account) }),
    apply: (view, event) =>
      event.contract === 'LeaseAccess' && event.name === 'SealingKeyChanged' ? { ...event.args } : view,
    load: (account) => keys.get(account),
    save: (account, _, after) => {
      if (after === undefined) keys.drop(account)
      else keys.put(after)
    },
  }
}

const MANIFEST_COLUMNS: Columns<PostedManifestView> = {
  leaseId: ['lease_id', text<Hex>()],
  version: ['version', integer],
  manifestHash: ['manifest_hash', text<Hex>()],
  ciphertext: ['ciphertext', bytes],
  postedIn: ['posted_in', height],
}

export const manifestTable = (db: Database) =>
  makeTable(db, { name: 'posted_manifests', key: ['leaseId'], columns: MANIFEST_COLUMNS })

export const manifestEntity = (
  db: Database,
  { leaseAccess }: Deployment,
): Entity<Hex, PostedManifestView> => {
  const manifests = manifestTable(db)
  return {
    contracts: ['LeaseAccess'],
    keyOf: ({ name, args }) => (name === 'ManifestPosted' ? args.leaseId : undefined),
    logs: (leaseId) => ({ address: leaseAccess ?? zeroAddress, topic1: leaseId }),
    apply: (view, event) =>
      event.name === 'ManifestPosted' ? { ...event.args, postedIn: event.blockNumber } : view,
    load: (leaseId) => manifests.get(leaseId),
    save: (leaseId, _, after) => {
      if (after === undefined) manifests.drop(leaseId)
      else manifests.put(after)
    },
  }
}
