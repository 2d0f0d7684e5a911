import { formatUsdc } from '@decloud/protocol'
import { csvRow } from '@decloud/service/csv'
import { type NodeBooks, readBooks } from '../../chain/earnings.ts'
import { loadConfig } from '../../config/config.ts'
import { AgentError } from '../../lib/errors.ts'
import { connectTo } from '../operator/desk.ts'
import { withPast } from '../operator/past.ts'
import { columns, moment, usdc } from '../operator/words.ts'
import { momentOf } from '../since.ts'
import { EXIT, makeVerb, UsageError } from '../verb.ts'

type Row = NodeBooks['leases'][number]

export const earnings = makeVerb({
  brief: true,
  about: `From the chain's logs, and held against what the escrow says: a difference of a unit is an error. Earned is this
node's part of what is settled; settleable what anyone may settle now; accrued what is due by now, of which the last part
may still be credited back to the tenant. No key is needed.`,
  examples: [
    'decloud-node earnings',
    'decloud-node earnings --since 2026-11-01',
    'decloud-node earnings --csv > earnings.csv',
  ],
  options: {
    since: {
      type: 'string',
      argument: 'DATE',
      about: 'what was earned and taken out from that UTC day or moment on',
    },
    csv: { type: 'boolean', about: 'one line a lease, RFC 4180' },
  },
  run: async (io, options) => {
    if (options.csv && io.json)
      throw new UsageError('--csv and --json are two ways to say the same: give one.')
    const since = options.since === undefined ? 0 : secondsOf(options.since)
    const config = loadConfig(io.env, io.given)
    const chain = await connectTo(config)
    const books = await withPast(io, chain, config.dataDir, (past) =>
      readBooks(chain, config.node, since, past),
    )
    demandBalance(books)
    const { state, leases, totals, withdrawals } = books
    const text = options.csv ? csvOf(books) : textOf(books, since)
    io.result(
      {
        ...{ node: config.node, block: state.block.number, asOf: state.block.timestamp, since },
        ...{ totals, leases, withdrawals },
      },
      text,
    )
    return EXIT.done
  },
})

const secondsOf = (text: string): number => {
  const ms = momentOf(text)
  if (ms !== null) return Math.ceil(ms / 1_000)
  throw new UsageError(
    `--since takes a day or a moment, not "${text}".`,
    'For example 2026-11-01 or 2026-11-01T08:00Z.',
  )
}

/** @throws AgentError `books-differ`: never shown as earnings, whatever the reason. */
const demandBalance = ({ difference, state }: NodeBooks) => {
  if (difference === 0n) return
  throw new AgentError(
    'books-differ',
    `By the logs node ${state.node} has earned ${usdc(difference < 0n ? -difference : difference)} ${difference < 0n ? 'less' : 'more'} than the escrow says.`,
    {
      hint: 'The RPC left logs out, or the deployment file is not that of this escrow: ask another RPC.',
      details: { difference: String(difference) },
    },
  )
}

const textOf = ({ leases, totals, withdrawals, state }: NodeBooks, since: number): string => {
  const rows = leases.map((lease) => [
    `${lease.leaseId.slice(0, 10)}…`,
    lease.role === 'relay' ? 'relayed' : lease.status,
    ...[lease.settled, lease.platform, lease.relays, lease.earned, lease.settleable, lease.accrued].map(
      formatUsdc,
    ),
    ...(since === 0 ? [] : [formatUsdc(lease.earnedSince)]),
  ])
  const head = ['lease', '', 'settled', 'platform', 'relay', 'earned', 'settleable', 'accrued']
  const out = withdrawals.reduce((sum, { amount }) => sum + amount, 0n)
  return [
    `node ${state.node} at block ${state.block.number}, ${moment(state.block.timestamp)}`,
    ...(rows.length === 0 ? ['no lease yet'] : columns([since === 0 ? head : [...head, 'since'], ...rows])),
    `earned        ${usdc(totals.earned)}`,
    `  withdrawn   ${usdc(totals.withdrawn)}`,
    `  in escrow   ${usdc(totals.withdrawable)}, to be had at once`,
    `settleable    ${usdc(totals.settleable)} more, once settled (\`decloud-node withdraw\` does)`,
    `accrued       ${usdc(totals.accrued)} due by now and not settled, settleable included`,
    ...(since === 0
      ? []
      : [`since ${moment(since)}: earned ${usdc(totals.earnedSince)}, withdrawn ${usdc(out)}`]),
  ].join('\n')
}

const CSV_HEADER = [
  ...['lease_id', 'role', 'tenant', 'status', 'end_reason', 'started', 'ended', 'price_per_hour_micro_usdc'],
  ...[
    'due_micro_usdc',
    'settled_micro_usdc',
    'platform_micro_usdc',
    'relays_micro_usdc',
    'earned_micro_usdc',
  ],
  ...['earned_usdc', 'settleable_micro_usdc', 'accrued_micro_usdc', 'earned_since_micro_usdc'],
]

const csvOf = ({ leases }: NodeBooks): string =>
  [csvRow(CSV_HEADER), ...leases.map(csvLine)].join('').replace(/\r\n$/, '')

const csvLine = (lease: Row): string =>
  csvRow([
    ...[lease.leaseId, lease.role, lease.tenant, lease.status, lease.endReason],
    ...[lease.startedAt, lease.endedAt].map((at) => (at === 0 ? null : moment(at))),
    ...[lease.pricePerHour, lease.due, lease.settled, lease.platform, lease.relays, lease.earned],
    ...[formatUsdc(lease.earned), lease.settleable, lease.accrued, lease.earnedSince],
  ])
