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
  // JSON: what the manifest asks to be looked at, and how each of it was.
  `ALTER TABLE vms ADD COLUMN checks TEXT NOT NULL DEFAULT '[]';
   ALTER TABLE vms ADD COLUMN services TEXT NOT NULL DEFAULT '[]';
   ALTER TABLE vms ADD COLUMN servicesDueMs INTEGER NOT NULL DEFAULT 0;`,
]
