import { migrate } from '@decloud/chain'
import { DecloudError } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { bytesToHex, type Hex, hexToBytes, size } from 'viem'
import { judgeMailbox } from '../../domain/mailbox.ts'
import type { MailboxStore } from '../../ports/mailbox.ts'

const SCHEMA = [
  `CREATE TABLE mailbox (
     lease_id TEXT PRIMARY KEY,
     tenant TEXT NOT NULL, node INTEGER NOT NULL,
     sealed BLOB NOT NULL, sealed_hash TEXT NOT NULL,
     issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX mailbox_expiry ON mailbox (expires_at);
   -- One row a post: the rate of a tenant is counted, not kept.
   CREATE TABLE mailbox_posts (tenant TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
   CREATE INDEX mailbox_posts_tenant ON mailbox_posts (tenant, at);
   CREATE INDEX mailbox_posts_at ON mailbox_posts (at);`,
]
const HOUR = 3_600

type Row = {
  lease_id: Hex
  node: number
  sealed: Uint8Array
  sealed_hash: Hex
  issued_at: number
  expires_at: number
}

export const makeMailboxStore = (db: Database): MailboxStore => {
  migrate(db, 'mailbox', SCHEMA)
  const byLease = db.prepare('SELECT * FROM mailbox WHERE lease_id = ? AND expires_at > ?')
  const bytes = db.prepare('SELECT ifnull(sum(length(sealed)), 0) AS bytes FROM mailbox')
  const posts = db.prepare('SELECT count(*) AS posts FROM mailbox_posts WHERE tenant = ? AND at > ?')
  const insert = db.prepare(
    `INSERT OR REPLACE INTO mailbox VALUES
       (@leaseId, @tenant, @node, @bytes, @sealedHash, @issuedAt, @expiresAt)`,
  )
  const count = db.prepare('INSERT INTO mailbox_posts VALUES (?, ?)')
  const find: MailboxStore['find'] = (leaseId, now) => {
    const row = byLease.get(leaseId, now) as Row | undefined
    if (row === undefined) return undefined
    return {
      leaseId: row.lease_id,
      node: row.node,
      sealed: bytesToHex(row.sealed),
      sealedHash: row.sealed_hash,
      issuedAt: row.issued_at,
      expiresAt: row.expires_at,
    }
  }
  const expire = (now: number) => {
    db.prepare('DELETE FROM mailbox WHERE expires_at <= ?').run(now)
    db.prepare('DELETE FROM mailbox_posts WHERE at <= ?').run(now - HOUR)
  }
  return {
    find,
    expire,
    put: (entry, now, limits) =>
      db
        .transaction(() => {
          expire(now)
          const known = find(entry.leaseId, now)
          if (known !== undefined && known.issuedAt >= entry.issuedAt) {
            if (known.sealedHash === entry.sealedHash && known.issuedAt === entry.issuedAt) return
            throw new DecloudError('mailbox-superseded', 'A later post for this lease is there already.', {
              hint: 'Sign a new one.',
            })
          }
          const tenant = entry.tenant.toLowerCase()
          const usage = {
            bytes: (bytes.get() as { bytes: number }).bytes,
            postsThisHour: (posts.get(tenant, now - HOUR) as { posts: number }).posts,
          }
          judgeMailbox(usage, size(entry.sealed) - (known === undefined ? 0 : size(known.sealed)), limits)
          insert.run({ ...entry, tenant, bytes: hexToBytes(entry.sealed) })
          count.run(tenant, now)
        })
        .immediate(),
    leaseIds: () =>
      (db.prepare('SELECT lease_id AS id FROM mailbox').all() as { id: Hex }[]).map(({ id }) => id),
    drop: (leaseId) => {
      db.prepare('DELETE FROM mailbox WHERE lease_id = ?').run(leaseId)
    },
  }
}
