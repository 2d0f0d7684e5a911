// What an event is about: the topics under which listeners hear of it.
import type { ProtocolEvent } from '@decloud/protocol'

const FAMILY: Readonly<Record<ProtocolEvent['contract'], string>> = {
  LeaseEscrow: 'leases',
  LeaseMandates: 'leases',
  DowntimeQuorum: 'platform',
  LeaseDesk: 'platform',
  PricePolicy: 'platform',
  NodeRegistry: 'nodes',
  TemplateRegistry: 'templates',
  LeaseAccess: 'access',
  Reviews: 'reviews',
  Reputation: 'reputation',
  PremiumStake: 'stakes',
  Payouts: 'money',
}

/** Of the escrow's events those that are about money or a node, not about a lease. */
const MONEY = new Set(['BalanceChanged', 'EarnedWithdrawn', 'PayeeChanged', 'PayeeProposed'])
const RELAYS = new Set(['RelayChosen', 'RelayOfferChanged', 'RelaySwitched'])
/** Arguments that name an account to whom the event matters. */
const ACCOUNTS = [
  'account',
  'tenant',
  'payer',
  'payee',
  'operator',
  'author',
  'staker',
  'to',
  'proposed',
  'agent',
  'by',
]

export const topicsOf = (event: ProtocolEvent): string[] => {
  const topics = new Set<string>([MONEY.has(event.name) ? 'money' : FAMILY[event.contract]])
  if (RELAYS.has(event.name)) topics.add('relays')
  // Every event's arguments are an object by name; which names there are differs.
  const args = event.args as Readonly<Record<string, unknown>>
  if (typeof args['leaseId'] === 'string') topics.add(`lease:${args['leaseId'].toLowerCase()}`)
  for (const leaseId of Array.isArray(args['leaseIds']) ? args['leaseIds'] : []) {
    if (typeof leaseId === 'string') topics.add(`lease:${leaseId.toLowerCase()}`)
  }
  for (const name of ['node', 'relay'] as const) {
    const index = args[name]
    if (typeof index === 'number' && index > 0) topics.add(`node:${index}`)
  }
  if (typeof args['template'] === 'number') topics.add(`template:${args['template']}`)
  for (const name of ACCOUNTS) {
    const account = args[name]
    if (typeof account === 'string' && account.length === 42) topics.add(`account:${account.toLowerCase()}`)
  }
  return [...topics]
}

/** An event's arguments as JSON can carry them: bigint as decimal text. */
export const plainArgs = (args: unknown): Record<string, unknown> => {
  const plain = (value: unknown): unknown => {
    if (typeof value === 'bigint') return String(value)
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
  }
  return plain(args ?? {}) as Record<string, unknown>
}
