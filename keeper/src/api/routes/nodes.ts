import { DecloudError } from '@decloud/protocol'
import {
  featuredNodesSchema,
  nodeDetailSchema,
  nodeParams,
  nodeProfileSchema,
  nodesQuerySchema,
  nodesSchema,
} from '@decloud/protocol/wire/api'
import type { Hex } from 'viem'
import { pageOf } from '../../domain/keyset.ts'
import { featured, type ListedNode, matches, placeIn } from '../../domain/listing.ts'
import { placeCursor, scopeOf } from '../cursors.ts'
import type { ApiDeps, App } from '../deps.ts'
import { addRead } from '../reads.ts'
import { attributesView, badgesOfNode, nodeContext, nodeView, ratingView } from '../views.ts'

const TAGS = ['nodes']

/** As the node says: whoever wants to be sure checks the signature, and looks at what auditors attest. */
const factsView = ({ nodeFacts }: ApiDeps, node: number) => {
  const held = nodeFacts.of(node)
  return held === null ? null : { signed: held.signed, heardAt: held.heardAt }
}

/** @throws DecloudError `node-unknown`. */
export const nodeOr404 = ({ market, catalogue }: ApiDeps, id: number | Hex): ListedNode => {
  const node = market.node(id)
  if (node === undefined) throw new DecloudError('node-unknown', `There is no node ${id}.`)
  return catalogue.listed(node)
}

export const nodesRoute = (app: App, deps: ApiDeps) => {
  addRead(app, deps, {
    url: '/api/marketplace/nodes',
    summary: 'Nodes, cheapest first or the highest first, a page at a time',
    tags: TAGS,
    query: nodesQuerySchema,
    answer: nodesSchema,
    changes: 'second',
    problems: ['cursor-invalid'],
    read: ({ query }) => {
      const context = nodeContext(deps)
      const { q, sort, limit, cursor, ...filter } = query
      const cursors = placeCursor(scopeOf('nodes', query))
      const found = deps.catalogue.nodes(q).filter((node) => matches(node, filter))
      const { rows, next } = pageOf(found, placeIn(sort), { limit, after: cursors.read(cursor) })
      return { nodes: rows.map((node) => nodeView(node, context)), next: cursors.write(next) }
    },
  })
  addRead(app, deps, {
    url: '/api/marketplace/nodes/featured',
    summary: 'Ten nodes at most: online, up 95 % of the time, described, with something free',
    tags: TAGS,
    answer: featuredNodesSchema,
    changes: 'second',
    read: () => {
      const context = nodeContext(deps)
      return { nodes: featured(deps.catalogue.nodes(undefined)).map((node) => nodeView(node, context)) }
    },
  })
  addRead(app, deps, {
    url: '/api/marketplace/nodes/:id',
    summary: 'One node, by its registry index or its 32-byte node id, with all that is known of it',
    tags: TAGS,
    params: nodeParams,
    answer: nodeDetailSchema,
    changes: 'second',
    problems: ['node-unknown'],
    read: ({ params }) => {
      const context = nodeContext(deps)
      const node = nodeOr404(deps, params.id)
      return {
        ...nodeView(node, context),
        pendingOperator: node.pendingOperator,
        payee: node.payee,
        inUse: node.inUse,
        attributes: attributesView(node),
        network: { ...node.network, addresses: [...node.network.addresses] },
        stakes: deps.market.stakes(node.node),
        attestations: deps.market.attestations(node.node),
        facts: factsView(deps, node.node),
      }
    },
  })
  addRead(app, deps, {
    url: '/api/marketplace/nodes/:id/profile',
    summary: 'What a node says of itself, and what others say of it',
    tags: TAGS,
    params: nodeParams,
    answer: nodeProfileSchema,
    changes: 'second',
    problems: ['node-unknown'],
    read: ({ params }) => {
      const context = nodeContext(deps)
      const node = nodeOr404(deps, params.id)
      return {
        node: node.node,
        operator: node.operator,
        description: node.description,
        tags: [...node.tags],
        badges: badgesOfNode(node, context),
        attributes: attributesView(node),
        rating: ratingView(node.rating),
      }
    },
  })
}
