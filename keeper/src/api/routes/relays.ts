import { DecloudError } from '@decloud/protocol'
import {
  relayDetailSchema,
  relayParams,
  relayStatsSchema,
  relaysSchema,
  repairRequestSchema,
  repairSchema,
} from '@decloud/protocol/wire/api'
import { type Address, isAddressEqual } from 'viem'
import { regionText } from '../../domain/node.ts'
import type { Relay } from '../../ports/market.ts'
import type { ApiDeps, App } from '../deps.ts'
import { addRead } from '../reads.ts'
import { requireSession, SESSION_SECURITY, sessionOf } from '../session.ts'

const TAGS = ['relays']
const DAY = 86_400
/** A pair that was asked for is not asked for again so soon. Seconds. */
const QUIET = 300

const relayOr404 = ({ market }: ApiDeps, id: number): Relay => {
  const relay = market.relay(id)
  if (relay === undefined) throw new DecloudError('relay-unknown', `Node ${id} is no relay.`)
  return relay
}

export const relaysRoute = (app: App, deps: ApiDeps) => {
  const { market, catalogue, repairs, live } = deps
  const view = ({ node, capacity, used, earned }: Relay) => {
    const row = market.node(node)
    if (row === undefined) throw new DecloudError('relay-unknown', `Node ${node} is no relay.`)
    const { operator, region, active, online } = catalogue.listed(row)
    return { relay: node, operator, region: regionText(region), active, online, capacity, used, earned }
  }
  const now = () => Math.floor(Date.now() / 1_000)

  addRead(app, deps, {
    url: '/api/relays',
    summary: 'Nodes that offer to relay for others, or do',
    tags: TAGS,
    answer: relaysSchema,
    changes: 'second',
    read: () => ({ relays: market.relays().map(view) }),
  })
  addRead(app, deps, {
    url: '/api/relays/stats',
    summary: 'All relays together',
    tags: TAGS,
    answer: relayStatsSchema,
    changes: 'second',
    read: () => {
      const relays = market.relays().map(view)
      const sum = (count: (relay: (typeof relays)[number]) => number) =>
        relays.reduce((all, relay) => all + count(relay), 0)
      return {
        relays: relays.length,
        online: sum(({ online }) => (online === true ? 1 : 0)),
        capacity: sum(({ capacity }) => capacity),
        used: sum(({ used }) => used),
        earned: relays.reduce((all, { earned }) => all + earned, 0n),
      }
    },
  })
  addRead(app, deps, {
    url: '/api/relays/:id',
    summary: 'One relay, by the index of its node, with those behind it and the repairs asked for',
    tags: TAGS,
    params: relayParams,
    answer: relayDetailSchema,
    changes: 'second',
    problems: ['relay-unknown'],
    read: ({ params }) => {
      const relay = relayOr404(deps, params.id)
      return { ...view(relay), users: [...relay.users], repairs: repairs.of(relay.node, now() - DAY) }
    },
  })
  app.post(
    '/api/relays/:id/repair',
    {
      ...requireSession(deps),
      schema: {
        tags: TAGS,
        summary: 'Asks for a relay to be repaired; by its operator, or by that of a node behind it',
        security: SESSION_SECURITY,
        params: relayParams,
        body: repairRequestSchema,
        response: { 200: repairSchema, 202: repairSchema },
      },
      config: { problems: ['relay-unknown', 'repair-forbidden'], costly: true },
    },
    async (request, reply) => {
      const { address } = sessionOf(request)
      const relay = relayOr404(deps, request.params.id)
      const node = request.body.node ?? relay.node
      checkEntitled(deps, relay, node, address)
      const wanted = { relay: relay.node, node, requestedBy: address, requestedAt: now() }
      const { repair, isNew } = repairs.request(wanted, QUIET)
      if (isNew) {
        const told = { relay: repair.relay, node, at: repair.requestedAt }
        live.announce('repair', ['relays', `node:${relay.node}`, `node:${node}`], told)
      }
      return reply.code(isNew ? 202 : 200).send(repair)
    },
  )
}

/** @throws DecloudError `repair-forbidden`. */
const checkEntitled = ({ market }: ApiDeps, relay: Relay, node: number, asker: Address): void => {
  const isOperatorOf = (index: number) => {
    const operator = market.node(index)?.operator
    return operator !== undefined && isAddressEqual(operator, asker)
  }
  const behind = node === relay.node || relay.users.includes(node)
  if (behind && (isOperatorOf(relay.node) || isOperatorOf(node))) return
  throw new DecloudError(
    'repair-forbidden',
    behind
      ? `${asker} operates neither relay ${relay.node} nor node ${node}.`
      : `Node ${node} is not behind relay ${relay.node}.`,
    { hint: 'Sign in as the operator of the relay, or of a node behind it.' },
  )
}
