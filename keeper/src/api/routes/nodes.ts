import { type ApiNode, nodesQuerySchema, nodesSchema } from '@decloud/protocol/wire/api'
import type { ApiDeps, App } from '../deps.ts'
import { nodeView, policyOf } from '../views.ts'

const ORDER = {
  price: (a: ApiNode, b: ApiNode) =>
    Number(a.referencePricePerHour - b.referencePricePerHour) || a.node - b.node,
  capacity: (a: ApiNode, b: ApiNode) => Number(b.free.pointUnits - a.free.pointUnits) || a.node - b.node,
}

export const nodesRoute = (app: App, { ledger }: ApiDeps) => {
  app.get(
    '/api/marketplace/nodes',
    {
      schema: {
        summary: 'Nodes, cheapest first or largest free capacity first',
        querystring: nodesQuerySchema,
        response: { 200: nodesSchema },
      },
    },
    async ({ query }) => {
      const policy = policyOf(ledger)
      const { region, maxPrice, active, sort } = query
      const nodes = ledger
        .nodes()
        .map((row) => nodeView(row, policy))
        .filter(
          (node) =>
            (region === undefined || node.region === region) &&
            (active === undefined || node.active === active) &&
            (maxPrice === undefined || node.referencePricePerHour <= maxPrice),
        )
      return { nodes: nodes.sort(ORDER[sort]) }
    },
  )
}
