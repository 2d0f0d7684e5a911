import { DecloudError, effectivePrices } from '@decloud/protocol'
import {
  daysQuerySchema,
  flowsQuerySchema,
  flowsSchema,
  networkSchema,
  nodeEarningsSchema,
  nodeParams,
  operatorEarningsSchema,
  operatorParams,
  ownPricingSchema,
  seriesParams,
  seriesQuerySchema,
  seriesSchema,
} from '@decloud/protocol/wire/api'
import { isAddressEqual } from 'viem'
import { earningDays, sumDays } from '../../domain/earnings.ts'
import { regionsOf } from '../../domain/regions.ts'
import { spanOf } from '../../domain/span.ts'
import { scopeOf, wrappedCursor } from '../cursors.ts'
import type { ApiDeps, App } from '../deps.ts'
import { addRead } from '../reads.ts'
import { seriesAnswer } from '../series.ts'
import { requireSession, SESSION_SECURITY, sessionOf } from '../session.ts'
import { headOf, nodeContext, nodeView, policyOf } from '../views.ts'
import { nodeOr404 } from './nodes.ts'

const DAY = 86_400
const MOST_DAYS = 366
const DEFAULT_DAYS = 30

const networkRoute = (app: App, deps: ApiDeps) => {
  addRead(app, deps, {
    url: '/api/network',
    summary: 'The whole network in one look, for the map',
    tags: ['network'],
    answer: networkSchema,
    changes: 'second',
    read: () => {
      const { height, at } = headOf(deps)
      const nodes = deps.catalogue.nodes(undefined)
      const { activeNodes, templates, reviews, leases } = deps.market.counts()
      const online = nodes.filter((node) => node.online === true).length
      return {
        height,
        at,
        nodes: { all: nodes.length, active: activeNodes, online },
        leases,
        templates,
        reviews,
        regions: regionsOf(nodes),
        links: nodes.filter(({ relay }) => relay !== 0).map(({ node, relay }) => ({ node, relay })),
      }
    },
  })
}

const earningsRoutes = (app: App, deps: ApiDeps) => {
  const { market } = deps
  const daysIn = (query: { from?: number | undefined; to?: number | undefined }) => {
    const { from, to } = spanOf(query, {
      now: headOf(deps).at,
      step: DAY,
      most: MOST_DAYS,
      usual: DEFAULT_DAYS,
    })
    return { from: from / DAY, to: to / DAY }
  }
  addRead(app, deps, {
    url: '/api/nodes/:id/earnings',
    summary: 'What a node earned by day, as host and as relay, and what it may withdraw',
    tags: ['money'],
    params: nodeParams,
    query: daysQuerySchema,
    answer: nodeEarningsSchema,
    changes: 'block',
    problems: ['node-unknown', 'span-invalid'],
    read: ({ params, query }) => {
      const { node, earned, payee } = nodeOr404(deps, params.id)
      const days = earningDays(market.flowDays(node, daysIn(query)))
      return { node, available: earned, payee, days }
    },
  })
  addRead(app, deps, {
    url: '/api/operators/:operator/earnings',
    summary: 'What all nodes of an operator earned by day',
    tags: ['money'],
    params: operatorParams,
    query: daysQuerySchema,
    answer: operatorEarningsSchema,
    changes: 'block',
    problems: ['span-invalid'],
    read: ({ params: { operator }, query }) => {
      const own = market.allNodes().filter((node) => isAddressEqual(node.operator, operator))
      const days = daysIn(query)
      return {
        operator,
        available: own.reduce((all, { earned }) => all + earned, 0n),
        nodes: own.map(({ node, earned }) => ({ node, available: earned })),
        days: sumDays(own.map(({ node }) => earningDays(market.flowDays(node, days)))),
      }
    },
  })
  addRead(app, deps, {
    url: '/api/flows',
    summary: 'Movements of money, newest first, a page at a time',
    tags: ['money'],
    query: flowsQuerySchema,
    answer: flowsSchema,
    changes: 'events',
    problems: ['cursor-invalid'],
    read: ({ query }) => {
      const cursors = wrappedCursor(scopeOf('flows', query))
      const { rows, next } = market.flows({ ...query, cursor: cursors.read(query.cursor) })
      return { flows: rows, next: cursors.write(next) }
    },
  })
}

const seriesRoute = (app: App, deps: ApiDeps) => {
  addRead(app, deps, {
    url: '/api/analytics/:series',
    summary: 'Leases, revenue or capacity of the whole market by hour or day',
    tags: ['analytics'],
    params: seriesParams,
    query: seriesQuerySchema,
    answer: seriesSchema,
    changes: 'block',
    problems: ['span-invalid'],
    read: ({ params, query }) => seriesAnswer(deps, params.series, query, headOf(deps).at),
  })
}

const pricingRoute = (app: App, deps: ApiDeps) => {
  app.get(
    '/api/nodes/me/pricing',
    {
      ...requireSession(deps),
      schema: {
        tags: ['nodes'],
        summary: "Prices of the signed-in operator's nodes, beside floors and defaults",
        security: SESSION_SECURITY,
        response: { 200: ownPricingSchema },
      },
      config: { problems: ['node-unknown'] },
    },
    async (request) => {
      const { address } = sessionOf(request)
      const context = nodeContext(deps)
      const { floors, defaults } = policyOf(deps.market)
      const own = deps.catalogue.nodes(undefined).filter((node) => isAddressEqual(node.operator, address))
      if (own.length === 0) throw new DecloudError('node-unknown', `${address} operates no node.`)
      const nodes = own.map((node) => ({
        ...nodeView(node, context),
        own: node.prices,
        effective: effectivePrices(node.prices, context.policy),
      }))
      return { nodes, floors, defaults }
    },
  )
}

export const figuresRoute = (app: App, deps: ApiDeps) => {
  for (const add of [networkRoute, earningsRoutes, seriesRoute, pricingRoute]) add(app, deps)
}
