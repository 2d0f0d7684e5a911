// Earnings as an accountant reads them: one line a movement, in units and in dollars.
import { formatUsdc } from '@decloud/protocol'
import { csvRow } from '@decloud/service/csv'
import type { Flow, FlowKind } from './flow.ts'

/** What a node's operator earns and takes out. */
export const EARNING_KINDS = ['earnedByNode', 'earnedByRelay', 'withdrawn'] as const satisfies FlowKind[]

export const EARNINGS_HEADER = csvRow([
  ...['time', 'unix_seconds', 'node', 'kind', 'lease_id', 'paid_to'],
  ...['amount_micro_usdc', 'amount_usdc', 'block', 'log_index', 'part'],
])

export const earningsRow = (flow: Flow): string =>
  csvRow([
    ...[new Date(flow.at * 1_000).toISOString(), flow.at, flow.node, flow.kind, flow.leaseId],
    ...[flow.kind === 'withdrawn' ? flow.account : null, flow.amount, formatUsdc(flow.amount)],
    ...[flow.block, flow.logIndex, flow.part],
  ])

const DAY = 86_400

/** Calendar days, UTC, both included → seconds, the last not included. */
export const secondsOf = (days: { from?: string | undefined; to?: string | undefined }) => ({
  ...(days.from === undefined ? {} : { from: Date.parse(days.from) / 1_000 }),
  ...(days.to === undefined ? {} : { until: Date.parse(days.to) / 1_000 + DAY }),
})
