import {
  nodeParams,
  ownReviewsSchema,
  reviewsQuerySchema,
  reviewsSchema,
  templateParams,
} from '@decloud/protocol/wire/api'
import type { Rating } from '../../domain/review.ts'
import type { ReviewQuery } from '../../ports/market.ts'
import { scopeOf, wrappedCursor } from '../cursors.ts'
import type { ApiDeps, App } from '../deps.ts'
import { addRead } from '../reads.ts'
import { requireSession, SESSION_SECURITY, sessionOf } from '../session.ts'
import { ratingView } from '../views.ts'
import { nodeOr404 } from './nodes.ts'
import { templateOr404 } from './templates.ts'

const TAGS = ['reviews']

type Subject = { node: number } | { template: number }

export const reviewsRoute = (app: App, deps: ApiDeps) => {
  const { market } = deps
  const page = (query: { limit: number; cursor?: string | undefined }, about: Subject, rating: Rating) => {
    const cursors = wrappedCursor(scopeOf(`reviews ${JSON.stringify(about)}`, {}))
    const asked: ReviewQuery = { ...about, limit: query.limit, cursor: cursors.read(query.cursor) }
    const { rows, next } = market.reviews(asked)
    return {
      reviews: rows,
      next: cursors.write(next),
      rating: ratingView(rating),
      histogram: deps.series.stars(about),
    }
  }
  addRead(app, deps, {
    url: '/api/marketplace/nodes/:id/reviews',
    summary: 'Reviews of a node, newest first, with their sum, count and histogram',
    tags: TAGS,
    params: nodeParams,
    query: reviewsQuerySchema,
    answer: reviewsSchema,
    changes: 'events',
    problems: ['node-unknown', 'cursor-invalid'],
    read: ({ params, query }) => {
      const { node, rating } = nodeOr404(deps, params.id)
      return page(query, { node }, rating)
    },
  })
  addRead(app, deps, {
    url: '/api/marketplace/templates/:slugOrId/reviews',
    summary: 'Reviews of a template, newest first, with their sum, count and histogram',
    tags: TAGS,
    params: templateParams,
    query: reviewsQuerySchema,
    answer: reviewsSchema,
    changes: 'events',
    problems: ['template-unknown', 'cursor-invalid'],
    read: ({ params, query }) => {
      const { template, rating } = templateOr404(deps, params.slugOrId)
      return page(query, { template }, rating)
    },
  })
  app.get(
    '/api/reviews/mine',
    {
      ...requireSession(deps),
      schema: {
        tags: TAGS,
        summary: 'Reviews that the signed-in account wrote, newest first',
        security: SESSION_SECURITY,
        querystring: reviewsQuerySchema,
        response: { 200: ownReviewsSchema },
      },
      config: { problems: ['cursor-invalid'] },
    },
    async (request) => {
      const { address: author } = sessionOf(request)
      const { limit, cursor } = request.query
      const cursors = wrappedCursor(scopeOf(`reviews of ${author}`, {}))
      const { rows, next } = market.reviews({ author, limit, cursor: cursors.read(cursor) })
      return { reviews: rows, next: cursors.write(next) }
    },
  )
}
