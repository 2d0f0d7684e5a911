// The data folder: who may read it, who uses it, what is in it, and how much room there is.

import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DecloudError, type Deployment, sentenceOf } from '@decloud/protocol'
import { type Finding, fault, note, ok } from '@decloud/service/doctor'
import Sqlite, { type Database } from 'better-sqlite3'
import { lastAudit } from '../adapters/store/audits.ts'
import { identityOf } from '../adapters/store/identity.ts'
import type { Holder } from '../adapters/store/lock.ts'
import type { KeeperConfig } from '../config/config.ts'
import { VERSION } from '../version.ts'

export const checkFolder = ({ dataDir, health }: KeeperConfig): Finding[] => {
  const check = 'data folder'
  if (!existsSync(dataDir))
    return [note(check, 'folder-new', `${dataDir} does not exist yet: it is made at the start`)]
  const found: Finding[] = []
  try {
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return [
      fault(
        check,
        'folder-denied',
        `${dataDir} cannot be written`,
        'Give it to the user the keeper runs as.',
      ),
    ]
  }
  const mode = statSync(dataDir).mode & 0o777
  if ((mode & 0o077) !== 0) {
    const what = `${dataDir} is open to other users (mode ${mode.toString(8)})`
    found.push(fault(check, 'folder-open', what, `chmod 700 ${dataDir}`))
  } else found.push(ok(check, `${dataDir}, mode ${mode.toString(8)}`))
  const { bavail, bsize } = statfsSync(dataDir)
  const freeMib = Math.floor((bavail * bsize) / 1_048_576)
  found.push(
    freeMib < health.minFreeDiskMib
      ? fault(
          'disk',
          'disk-low',
          `${freeMib} MiB free, less than ${health.minFreeDiskMib}`,
          'Make room, or move the data folder.',
        )
      : ok('disk', `${freeMib} MiB free`),
  )
  return found
}

export const checkLock = (holder: Holder | null): Finding =>
  holder === null
    ? note('process', 'keeper-absent', 'no keeper runs on this folder')
    : ok('process', `process ${holder.pid} runs on this folder since ${new Date(holder.since).toISOString()}`)

const opened = <result>(path: string, use: (db: Database) => result): result => {
  const db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 5_000 })
  try {
    return use(db)
  } finally {
    db.close()
  }
}

const hasTable = (db: Database, name: string) =>
  db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined

const OTHER = 'Give this keeper a data folder of its own, or the deployment file of that one.'

/** @param cure what to do with a damaged file. */
const checkStore = (path: string, cure: string, look: (db: Database) => Finding[]): Finding[] => {
  const check = path.split('/').at(-1)!
  if (!existsSync(path))
    return [note(check, 'store-new', `${path} does not exist yet: it is made at the start`)]
  try {
    return opened(path, (db) => {
      const verdict = String(db.pragma('quick_check', { simple: true }))
      if (verdict !== 'ok') return [fault(check, 'store-corrupt', `it is damaged: ${verdict}`, cure)]
      return [...look(db)]
    })
  } catch (error) {
    if (error instanceof DecloudError) return [fault(check, error.code, error.message, error.hint)]
    const damaged = error instanceof Sqlite.SqliteError && /CORRUPT|NOTADB/.test(error.code)
    return damaged
      ? [fault(check, 'store-corrupt', `it is damaged: ${sentenceOf(error)}`, cure)]
      : [fault(check, 'store-unusable', `it cannot be read: ${sentenceOf(error)}`, 'Check its permissions.')]
  }
}

const belongs = (
  check: string,
  { chainId, leaseEscrow }: Deployment,
  of: { chain_id: number; escrow: string },
) =>
  of.chain_id === chainId && of.escrow === leaseEscrow.toLowerCase()
    ? ok(check, 'whole, and of this deployment')
    : fault(check, 'store-foreign', `it belongs to chain ${of.chain_id}, escrow ${of.escrow}`, OTHER)

export const checkStores = ({ dataDir, deployment }: KeeperConfig): Finding[] => [
  ...checkStore(
    join(dataDir, 'keeper.sqlite'),
    'Stop the keeper and delete keeper.sqlite with its -wal and -shm: it is read from the chain again.',
    (db) => {
      if (!hasTable(db, 'feed_state')) return [note('keeper.sqlite', 'store-new', 'it is empty yet')]
      const of = db.prepare('SELECT chain_id, escrow FROM feed_state').get()
      // Written by the follower, whose columns these are.
      return [belongs('keeper.sqlite', deployment, of as { chain_id: number; escrow: string })]
    },
  ),
  ...checkStore(
    join(dataDir, 'local.sqlite'),
    'Restore a backup, or move it away: what is lost is the mailbox, alerts and beats, no money.',
    (db) => {
      if (!hasTable(db, 'store_identity')) return [note('local.sqlite', 'store-new', 'it is empty yet')]
      const identity = identityOf(db)
      if (isLater(identity.written_by, VERSION)) {
        const what = `version ${identity.written_by} wrote it, this is ${VERSION}`
        return [
          fault('local.sqlite', 'store-newer', what, 'Update this program, or restore a backup of its time.'),
        ]
      }
      return [belongs('local.sqlite', deployment, identity), checkAudit(db)]
    },
  ),
]

const isLater = (a: string, b: string): boolean => a.localeCompare(b, 'en', { numeric: true }) > 0

const DAY_SECONDS = 86_400

const checkAudit = (db: Database): Finding => {
  const check = 'audit'
  const last = hasTable(db, 'audits') ? lastAudit(db) : undefined
  if (last === undefined)
    return note(check, 'audit-none', 'the ledger was never held against contract storage yet')
  const ago = Math.floor(Date.now() / 1_000) - last.at
  const when = `${last.outcome} ${ago} s ago at block ${last.height}`
  if (last.outcome === 'different') {
    return fault(
      check,
      'audit-different',
      `${when}, ${last.differences} differences`,
      'Stop the keeper and delete keeper.sqlite.',
    )
  }
  return ago > DAY_SECONDS
    ? note(check, 'audit-old', when, 'Run `decloud-keeper audit`, or start the keeper: it audits itself.')
    : ok(check, when)
}
