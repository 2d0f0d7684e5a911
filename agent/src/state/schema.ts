/** Append-only: a step that has shipped never changes. Times are Unix milliseconds. */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE vms (
     leaseId TEXT PRIMARY KEY,
     status TEXT NOT NULL, phase TEXT NOT NULL,
     reasonCode TEXT, reasonMessage TEXT,
     refused INTEGER NOT NULL CHECK (refused IN (0, 1)),
     sinceMs INTEGER NOT NULL, deadlineMs INTEGER,
     attempts INTEGER NOT NULL, nextAttemptMs INTEGER NOT NULL,
     image TEXT, endConfirmedMs INTEGER,
     bootId TEXT, ipv4 TEXT, sshHostKey TEXT, sshHostKeyFingerprint TEXT,
     checkedMs INTEGER NOT NULL
   ) STRICT`,
  // Orders in hand and served; how often the guest went off by itself.
  `ALTER TABLE vms ADD COLUMN task TEXT;
   ALTER TABLE vms ADD COLUMN rebootMs INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE vms ADD COLUMN reinstallMs INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE vms ADD COLUMN restoreMs INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE vms ADD COLUMN install INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE vms ADD COLUMN restoring INTEGER;
   ALTER TABLE vms ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0`,
  // One row for each time that a guest was off against its tenant's wish; toMs is null while it lasts.
  `CREATE TABLE outages (
     leaseId TEXT NOT NULL, fromMs INTEGER NOT NULL, toMs INTEGER CHECK (toMs >= fromMs),
     cause TEXT NOT NULL, creditedMs INTEGER,
     PRIMARY KEY (leaseId, fromMs)
   ) STRICT;
   CREATE UNIQUE INDEX lasting_outages ON outages (leaseId) WHERE toMs IS NULL`,
  // JSON: what the manifest asks to be looked at, and how each of it was.
  `ALTER TABLE vms ADD COLUMN checks TEXT NOT NULL DEFAULT '[]';
   ALTER TABLE vms ADD COLUMN services TEXT NOT NULL DEFAULT '[]';
   ALTER TABLE vms ADD COLUMN servicesDueMs INTEGER NOT NULL DEFAULT 0;`,
  // Which manifest the guest was last made to follow in whom it lets in.
  `ALTER TABLE vms ADD COLUMN manifestSeen TEXT`,
]
