// Folded from the feed's logs, in the transaction that stores them. `view` is the whole fold; the other columns are
// parts of it that queries select by.
export const LEDGER_SCHEMA = [
  `CREATE TABLE nodes (
     node INTEGER PRIMARY KEY, node_id TEXT NOT NULL, view TEXT NOT NULL
   ) STRICT;
   CREATE INDEX nodes_id ON nodes (node_id);
   CREATE TABLE leases (
     lease_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, node INTEGER NOT NULL, status TEXT NOT NULL,
     requested_at INTEGER NOT NULL,
     -- 0 once nothing can change any more: ended, and all of the bill settled.
     open INTEGER NOT NULL,
     -- Taken from the node while the lease is live, in the units of the policy at its assignment.
     point_units INTEGER NOT NULL, memory_mib INTEGER NOT NULL, disk_gib INTEGER NOT NULL, gpus INTEGER NOT NULL,
     live INTEGER NOT NULL,
     view TEXT NOT NULL
   ) STRICT;
   CREATE INDEX leases_recent ON leases (requested_at, lease_id);
   CREATE INDEX leases_tenant ON leases (tenant, requested_at, lease_id);
   CREATE INDEX leases_node ON leases (node, requested_at, lease_id);
   CREATE INDEX leases_open ON leases (open) WHERE open = 1;
   CREATE TABLE accounts (account TEXT PRIMARY KEY, balance TEXT NOT NULL) STRICT;
   -- Cumulative, µUSDC; node 0 is the platform.
   CREATE TABLE earnings (
     node INTEGER PRIMARY KEY, credited TEXT NOT NULL DEFAULT '0', withdrawn TEXT NOT NULL DEFAULT '0'
   ) STRICT;
   CREATE TABLE policy (one INTEGER PRIMARY KEY CHECK (one = 1), view TEXT NOT NULL) STRICT;`,
  // Views hold more: the feed reads the chain again, and they are folded anew.
  'DELETE FROM leases; DELETE FROM nodes; DELETE FROM accounts; DELETE FROM earnings; DELETE FROM policy',
]
