// Folded from the feed's logs, in the transaction that stores them, and nothing else: no clock, no order of arrival.
// Addresses are kept as they are spelled on the way in and compared without regard to case. Amounts are µUSDC, as text.
const LEASES = `
  CREATE TABLE leases (
    lease_id TEXT PRIMARY KEY, tenant TEXT NOT NULL COLLATE NOCASE, node INTEGER NOT NULL, status TEXT NOT NULL,
    requested_at INTEGER NOT NULL, price_per_hour TEXT NOT NULL, min_charge INTEGER NOT NULL, notice INTEGER NOT NULL,
    platform_bps INTEGER NOT NULL, relay INTEGER NOT NULL, relay_bps INTEGER NOT NULL, activate_by INTEGER NOT NULL,
    started_at INTEGER NOT NULL, host_key TEXT, deposited TEXT NOT NULL, settled TEXT NOT NULL,
    paid_before TEXT NOT NULL, credited INTEGER NOT NULL, hold_back INTEGER NOT NULL, reclaim_at INTEGER NOT NULL,
    former_relays TEXT NOT NULL, template_fee TEXT NOT NULL, renewal TEXT NOT NULL, end_reason TEXT NOT NULL,
    ended_at INTEGER NOT NULL, due TEXT NOT NULL, refunded TEXT NOT NULL,
    -- Taken from the node while the lease is live, in the units of the policy at its assignment.
    point_units TEXT NOT NULL,
    -- 0 once nothing can change any more: ended, and all of the bill settled.
    open INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX leases_recent ON leases (requested_at, lease_id);
  CREATE INDEX leases_tenant ON leases (tenant, requested_at, lease_id);
  CREATE INDEX leases_node ON leases (node, requested_at, lease_id);
  CREATE INDEX leases_open ON leases (lease_id) WHERE open = 1;
  CREATE INDEX leases_live ON leases (node) WHERE status IN ('Assigned', 'Active');
  -- What never changes of a lease, and weighs the most.
  CREATE TABLE lease_openings (
    lease_id TEXT PRIMARY KEY, template INTEGER NOT NULL, terms TEXT NOT NULL, manifest BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;`

const NODES = `
  CREATE TABLE nodes (
    node INTEGER PRIMARY KEY, node_id TEXT NOT NULL, operator TEXT NOT NULL COLLATE NOCASE,
    pending_operator TEXT NOT NULL, agent TEXT NOT NULL COLLATE NOCASE, active INTEGER NOT NULL, region TEXT NOT NULL,
    min_charge INTEGER NOT NULL, notice INTEGER NOT NULL, capacity TEXT NOT NULL, prices TEXT NOT NULL,
    endpoint TEXT NOT NULL, sealing_key TEXT NOT NULL, sealing_key_epoch INTEGER NOT NULL, relay INTEGER NOT NULL,
    relay_capacity INTEGER NOT NULL, network TEXT NOT NULL, description TEXT NOT NULL, tags TEXT NOT NULL,
    attributes TEXT NOT NULL, registered_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX nodes_id ON nodes (node_id);
  CREATE INDEX nodes_operator ON nodes (operator);
  CREATE INDEX nodes_relay ON nodes (relay) WHERE relay <> 0;
  CREATE VIRTUAL TABLE node_search USING fts5 (description, tags, region, prefix = '2 3');
  -- What leases brought to a node and hold of it. Node 0 is the platform. No row: all of it is zero.
  CREATE TABLE books (
    node INTEGER PRIMARY KEY, credited TEXT NOT NULL, point_units TEXT NOT NULL, memory_mib TEXT NOT NULL,
    disk_gib TEXT NOT NULL, gpus INTEGER NOT NULL, hosted INTEGER NOT NULL, completed INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- What was taken out of it, by whom, and who acts for the node.
  CREATE TABLE tills (
    node INTEGER PRIMARY KEY, withdrawn TEXT NOT NULL, payee TEXT NOT NULL COLLATE NOCASE,
    pending_payee TEXT NOT NULL, operator TEXT NOT NULL COLLATE NOCASE
  ) STRICT, WITHOUT ROWID;`

const TEMPLATES = `
  CREATE TABLE templates (
    template INTEGER PRIMARY KEY, slug TEXT NOT NULL, author TEXT NOT NULL COLLATE NOCASE,
    pending_author TEXT NOT NULL, archived INTEGER NOT NULL, versions INTEGER NOT NULL, created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX templates_slug ON templates (slug);
  CREATE INDEX templates_author ON templates (author);
  CREATE TABLE template_versions (
    template INTEGER NOT NULL, version INTEGER NOT NULL, content_hash TEXT NOT NULL, fee TEXT NOT NULL,
    refund_window INTEGER NOT NULL, minimum TEXT NOT NULL, published_in INTEGER NOT NULL,
    published_at INTEGER NOT NULL, archived INTEGER NOT NULL, uri TEXT NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (template, version)
  ) STRICT, WITHOUT ROWID;
  CREATE VIRTUAL TABLE template_search USING fts5 (slug, body, prefix = '2 3');`

const REPUTATION = `
  CREATE TABLE reviews (
    lease_id TEXT NOT NULL, kind TEXT NOT NULL, subject INTEGER NOT NULL, version INTEGER NOT NULL,
    author TEXT NOT NULL COLLATE NOCASE, stars INTEGER NOT NULL, title TEXT NOT NULL, comment TEXT NOT NULL,
    block INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (lease_id, kind)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX reviews_subject ON reviews (kind, subject, block, lease_id);
  CREATE INDEX reviews_author ON reviews (author, block, lease_id, kind);
  CREATE TABLE ratings (
    kind TEXT NOT NULL, subject INTEGER NOT NULL, sum TEXT NOT NULL, count TEXT NOT NULL, PRIMARY KEY (kind, subject)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE attested_days (
    attester TEXT NOT NULL COLLATE NOCASE, day INTEGER NOT NULL, words TEXT NOT NULL, PRIMARY KEY (attester, day)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE stakes (
    node INTEGER NOT NULL, staker TEXT NOT NULL COLLATE NOCASE, bonded TEXT NOT NULL, unbonding TEXT NOT NULL,
    locked_until INTEGER NOT NULL, release_at INTEGER NOT NULL, PRIMARY KEY (node, staker)
  ) STRICT, WITHOUT ROWID;`

const ACCESS = `
  CREATE TABLE grants (
    lease_id TEXT NOT NULL, account TEXT NOT NULL COLLATE NOCASE, level TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (lease_id, account)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX grants_account ON grants (account, lease_id);
  CREATE TABLE sealing_keys (
    account TEXT PRIMARY KEY COLLATE NOCASE, sealing_key TEXT NOT NULL, epoch INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE posted_manifests (
    lease_id TEXT PRIMARY KEY, version INTEGER NOT NULL, manifest_hash TEXT NOT NULL, ciphertext BLOB NOT NULL,
    posted_in INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;`

const MONEY = `
  CREATE TABLE accounts (account TEXT PRIMARY KEY COLLATE NOCASE, balance TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE flows (
    block INTEGER NOT NULL, log_index INTEGER NOT NULL, part INTEGER NOT NULL, kind TEXT NOT NULL, lease_id BLOB,
    node INTEGER, account TEXT COLLATE NOCASE, amount TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (block, log_index, part)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX flows_node ON flows (node, block, log_index, part) WHERE node IS NOT NULL;
  CREATE INDEX flows_account ON flows (account, block, log_index, part) WHERE account IS NOT NULL;
  CREATE INDEX flows_lease ON flows (lease_id, block, log_index, part) WHERE lease_id IS NOT NULL;
  -- Their sums: by node (−1 for the whole market) and by UTC day since 1970 (−1 for ever).
  CREATE TABLE flow_sums (
    node INTEGER NOT NULL, day INTEGER NOT NULL, kind TEXT NOT NULL, amount TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (node, day, kind)
  ) STRICT, WITHOUT ROWID;
  -- How many leases there are in each state ('leases Active'), and of each template ('deployed').
  CREATE TABLE counts (
    what TEXT NOT NULL, id INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (what, id)
  ) STRICT, WITHOUT ROWID;`

const OVER_ALL = `
  CREATE TABLE policies (
    block INTEGER NOT NULL, log_index INTEGER NOT NULL, at INTEGER NOT NULL, policy TEXT NOT NULL,
    PRIMARY KEY (block, log_index)
  ) STRICT, WITHOUT ROWID;
  -- What there is one of: the desk, the quorum, the list of attesters.
  CREATE TABLE singles (name TEXT PRIMARY KEY, view TEXT NOT NULL) STRICT, WITHOUT ROWID;`

/** Every table above, those of a search included. */
export const MARKET_TABLES = [
  'leases',
  'lease_openings',
  'nodes',
  'node_search',
  'books',
  'tills',
  'templates',
  'template_versions',
  'template_search',
  'reviews',
  'ratings',
  'attested_days',
  'stakes',
  'grants',
  'sealing_keys',
  'posted_manifests',
  'accounts',
  'flows',
  'flow_sums',
  'counts',
  'policies',
  'singles',
] as const

const SUPERSEDED = ['leases', 'nodes', 'accounts', 'earnings', 'policy']

export const MARKET_SCHEMA = [
  // What an earlier version folded into other columns. The feed reads the chain again, and all of it is folded anew.
  `${SUPERSEDED.map((name) => `DROP TABLE IF EXISTS ${name};`).join('\n')}
   ${LEASES} ${NODES} ${TEMPLATES} ${REPUTATION} ${ACCESS} ${MONEY} ${OVER_ALL}`,
]
