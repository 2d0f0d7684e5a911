// The two-way diff: all that contract storage holds is found when the tables say otherwise, and put right.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Follower, makeFollower, openDatabase } from '@decloud/chain'
import type { Database } from 'better-sqlite3'
import fc from 'fast-check'
import { toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  act,
  closeMarket,
  everyEnd,
  local,
  openMarket,
  perform,
  rpcUrl,
  seed,
} from '../../test/integration/audit-market.ts'
import { everyPath } from '../../test/integration/audit-paths.ts'
import { readMinimumStake } from '../src/adapters/chain/stake.ts'
import { makeContractStorage } from '../src/adapters/chain/storage.ts'
import { openPicture } from '../src/adapters/store/picture.ts'
import { makeLedgerProjector } from '../src/adapters/store/projector.ts'
import { makeAuditor } from '../src/services/auditor.ts'
import { contentsOf } from './table-contents.ts'

let folder: string
let db: Database
let follower: Follower
let auditor: ReturnType<typeof makeAuditor>
let whole: ReturnType<typeof contentsOf>

beforeAll(async () => {
  await openMarket()
  await everyEnd()
  await everyPath()
  for (const step of fc.sample(act, { seed, numRuns: 40 })) await perform(step)
  await local.anvil.client.mine({ blocks: 4 })
  folder = await mkdtemp(join(tmpdir(), 'keeper-audit-'))
  const { deployment } = local
  const chain = await connect({ urls: [rpcUrl], deployment })
  db = openDatabase(join(folder, 'keeper.sqlite'))
  const { projector, refoldAll } = makeLedgerProjector(deployment)
  follower = makeFollower({ chain, db, projectors: [projector] })
  follower.start()
  await follower.synced()
  const minimumStake = await readMinimumStake(chain)
  auditor = makeAuditor({
    ...{ deployment, follower, storage: makeContractStorage(chain), refold: () => refoldAll(db) },
    openPicture: ({ timestamp }) =>
      openPicture(db.name, { deployment, minimumStake, time: Number(timestamp) }),
    log: { info: () => {}, warn: () => {}, error: () => {} },
  })
  whole = contentsOf(db)
}, 240_000)
afterAll(async () => {
  await follower?.close()
  db?.close()
  await closeMarket()
  if (folder) await rm(folder, { recursive: true, force: true })
})

const NOBODY = "'0x00000000000000000000000000000000000000AA'"
const WORD = `'0x${'ab'.repeat(32)}'`
const more = (...columns: string[]) => columns.map((column) => `${column} = '9' || ${column}`)
const next = (...columns: string[]) => columns.map((column) => `${column} = ${column} + 1`)
const other = (value: string, ...columns: string[]) => columns.map((column) => `${column} = ${value}`)
const bigger = (...columns: string[]) =>
  columns.map((column) => `${column} = replace(${column}, '"$big":"', '"$big":"9')`)
const not = (...columns: string[]) => columns.map((column) => `${column} = 1 - ${column}`)

/** Every column that contract storage can be asked about, changed in all rows; and the fields that must be found. */
const TAMPERINGS: [table: string, changes: string[], found: string][] = [
  ['leases', other("iif(status = 'Active', 'Assigned', 'Active')", 'status'), 'lease status'],
  ['leases', other("iif(end_reason = 'Expired', 'None', 'Expired')", 'end_reason'), 'lease endReason'],
  [
    'leases',
    [...other(NOBODY, 'tenant'), ...more('price_per_hour', 'deposited', 'settled', 'paid_before')],
    'lease tenant, lease pricePerHour, lease deposited, lease settled, lease paidBefore',
  ],
  [
    'leases',
    next('node', 'relay', 'activate_by', 'started_at', 'ended_at', 'credited', 'hold_back'),
    'lease node, lease relay, lease activateBy, lease startedAt, lease endedAt, lease credited, lease holdBack',
  ],
  [
    'leases',
    next('min_charge', 'notice', 'platform_bps', 'relay_bps', 'reclaim_at'),
    'lease minCharge, lease notice, lease platformBps, lease relayBps, lease reclaimAt',
  ],
  ['leases', bigger('renewal'), 'lease amount, lease budget'],
  [
    'leases',
    other('replace(template_fee, \'"refundWindow":\', \'"refundWindow":9\')', 'template_fee'),
    'lease refundWindow',
  ],
  [
    'leases',
    other('replace(template_fee, \'"held":{"$big":"\', \'"held":{"$big":"9\')', 'template_fee'),
    'lease held',
  ],
  ['lease_openings', other('replace(terms, \'"template":\', \'"template":9\')', 'terms'), 'lease template'],
  [
    'nodes',
    [
      ...other(WORD, 'node_id', 'sealing_key'),
      ...next('sealing_key_epoch', 'min_charge', 'notice', 'relay_capacity'),
    ],
    'node nodeId, node sealingKey, node sealingKeyEpoch, node minCharge, node notice, node relayCapacity',
  ],
  [
    'nodes',
    [
      ...other(NOBODY, 'operator', 'pending_operator', 'agent'),
      ...bigger('capacity', 'prices'),
      ...not('active'),
    ],
    'node operator, node pendingOperator, node agent, node capacity, node prices, node active',
  ],
  ['nodes', other("'0x7573000000000000'", 'region'), 'node region'],
  ['nodes', other('iif(relay = 0, 2, 0)', 'relay'), 'node relay, node relayed'],
  [
    'nodes',
    other(
      `json_set(network, '$.wireguardKey', ${WORD}, '$.behindNat', json(iif(network ->> '$.behindNat', 'false', 'true')))`,
      'network',
    ),
    'node wireguardKey, node behindNat',
  ],
  [
    'books',
    [...more('credited', 'point_units'), ...next('hosted', 'completed')],
    'earned earned, node inUse, node hosted, node completed',
  ],
  [
    'tills',
    [...other(NOBODY, 'payee', 'pending_payee', 'operator'), ...other("'1'", 'withdrawn')],
    'node payee, node pendingPayee, node leaseOperator, earned earned',
  ],
  ['accounts', more('balance'), 'account balance'],
  [
    'templates',
    [...other("'others'", 'slug'), ...other(NOBODY, 'author', 'pending_author'), ...not('archived')],
    'template slug, template author, template pendingAuthor, template archived',
  ],
  ['templates', next('versions'), 'template versions'],
  [
    'template_versions',
    [
      ...other(WORD, 'content_hash'),
      ...more('fee'),
      ...next('refund_window', 'published_in'),
      ...not('archived'),
    ],
    'version contentHash, version fee, version refundWindow, version publishedIn, version archived',
  ],
  [
    'template_versions',
    other('replace(minimum, \'"memoryMiB":\', \'"memoryMiB":9\')', 'minimum'),
    'version minimum',
  ],
  ['reviews', other('6 - stars + (stars = 3)', 'stars'), 'review nodeStars, review templateStars'],
  ['ratings', more('sum', 'count'), 'rating sum, rating count'],
  ['attested_days', bigger('words'), 'attestation word'],
  [
    'stakes',
    [...more('bonded', 'unbonding'), ...next('locked_until', 'release_at')],
    'stake bonded, stake unbonding, stake lockedUntil, stake releaseAt, stake sum',
  ],
  ['grants', other("iif(level = 'User', 'Viewer', 'User')", 'level'), 'access collaborators'],
  [
    'sealing_keys',
    [...other(WORD, 'sealing_key'), ...next('epoch')],
    'sealingKey sealingKey, sealingKey epoch',
  ],
  [
    'posted_manifests',
    [...other(WORD, 'manifest_hash'), ...next('version', 'posted_in')],
    'access manifestHash, access version, access postedIn',
  ],
  ['policies', bigger('policy'), 'policy floors, policy defaults, policy bandwidthRates'],
  [
    'singles',
    other(`json_set(view, '$.guardian', ${NOBODY}, '$.pausedUntil', 7)`, 'view'),
    'desk guardian, desk pausedUntil',
  ],
]

const fieldsFound = (differences: readonly { entity: string; field: string }[]) =>
  new Set(differences.map(({ entity, field }) => `${entity} ${field}`))

describe(`the two-way diff (SEED=${seed})`, () => {
  it('finds nothing where the tables are right', async () => {
    expect((await auditor.audit('all')).differences).toEqual([])
    expect((await auditor.audit()).outcome).toBe('equal')
    // Every table that storage knows about has rows here: a comparison of nothing would prove nothing.
    for (const [table] of TAMPERINGS) expect(whole[table], table).not.toEqual([])
  })

  it.each(TAMPERINGS)('finds and repairs %s: %s', async (table, changes, wanted) => {
    db.prepare(
      `UPDATE ${table} SET ${changes.join(', ')} ${table === 'singles' ? "WHERE name = 'desk'" : ''}`,
    ).run()
    const { outcome, differences } = await auditor.audit('all')
    const found = fieldsFound(differences)
    for (const field of wanted.split(', ')) expect(found).toContain(field)
    expect(outcome).toBe('refolded')
    expect(contentsOf(db)).toEqual(whole)
  })

  const GONE: [table: string, found: string][] = [
    ['nodes', 'node count'],
    ['templates', 'template count'],
    ['books', 'earned earned'],
    ['stakes', 'stake sum'],
    ['grants', 'access collaborators'],
    ['reviews', 'review nodeStars'],
    ['attested_days', 'attestation word'],
    ['singles', 'attesters attesters'],
  ]
  it.each(GONE)('finds what is missing from %s', async (table, field) => {
    db.prepare(`DELETE FROM ${table}`).run()
    const { outcome, differences } = await auditor.audit('all')
    expect(fieldsFound(differences)).toContain(field)
    expect(outcome).toBe('refolded')
    expect(contentsOf(db)).toEqual(whole)
  })

  it('repairs rows that cannot be read at all', async () => {
    db.prepare("UPDATE nodes SET capacity = 'none'").run()
    const { outcome, differences } = await auditor.audit()
    expect(differences).toMatchObject([{ entity: 'tables', field: '*' }])
    expect(outcome).toBe('refolded')
    expect(contentsOf(db)).toEqual(whole)
  })

  it('says nothing of a block that is another one by now', async () => {
    await local.anvil.client.mine({ blocks: 1 })
    await follower.synced()
    const stale = { ...follower.health().cursor!, hash: toHex(7, { size: 32 }) }
    const chain = await connect({ urls: [rpcUrl], deployment: local.deployment })
    expect(await makeContractStorage(chain).readAt(stale, [])).toBeNull()
  })
})
