import { DecloudError, type LeaseView } from '@decloud/protocol'
import {
  collaboratorsSchema,
  leaseDetailSchema,
  leaseEventsQuerySchema,
  leaseEventsSchema,
  leaseParams,
  leaseReadinessSchema,
  leasesQuerySchema,
  leasesSchema,
  sharedLeasesSchema,
} from '@decloud/protocol/wire/api'
import type { Hex } from 'viem'
import { plainArgs } from '../../domain/topics.ts'
import { scopeOf, wrappedCursor } from '../cursors.ts'
import type { ApiDeps, App } from '../deps.ts'
import { addRead } from '../reads.ts'
import { requireSession, SESSION_SECURITY, sessionOf } from '../session.ts'
import { headOf, leaseView } from '../views.ts'

const TAGS = ['leases']

/** @throws DecloudError `lease-unknown`. */
const leaseOr404 = ({ ledger }: ApiDeps, leaseId: Hex): LeaseView => {
  const lease = ledger.lease(leaseId)
  if (lease !== undefined) return lease
  throw new DecloudError('lease-unknown', `There is no lease ${leaseId}.`)
}

export const leasesRoute = (app: App, deps: ApiDeps) => {
  const { ledger, market } = deps
  addRead(app, deps, {
    url: '/api/leases',
    summary: 'Leases, newest first, a page at a time',
    tags: TAGS,
    query: leasesQuerySchema,
    answer: leasesSchema,
    changes: 'block',
    problems: ['cursor-invalid'],
    read: ({ query }) => {
      const { at } = headOf(deps)
      const cursors = wrappedCursor(scopeOf('leases', query))
      const { leases, next } = ledger.leases({ ...query, cursor: cursors.read(query.cursor) })
      return { leases: leases.map((lease) => leaseView(lease, at)), next: cursors.write(next) }
    },
  })
  app.get(
    '/api/leases/shared',
    {
      ...requireSession(deps),
      schema: {
        tags: TAGS,
        summary: 'Leases of others that the signed-in account may use',
        security: SESSION_SECURITY,
        response: { 200: sharedLeasesSchema },
      },
    },
    async (request) => ({ leases: market.sharedWith(sessionOf(request).address) }),
  )
  addRead(app, deps, {
    url: '/api/leases/:leaseId',
    summary: 'One lease, with its bill and runway at the newest block',
    tags: TAGS,
    params: leaseParams,
    answer: leaseDetailSchema,
    changes: 'block',
    problems: ['lease-unknown'],
    read: ({ params }) => {
      const { at } = headOf(deps)
      const lease = leaseOr404(deps, params.leaseId)
      const { manifest, reclaimAt, credited, renewal } = lease
      return { ...leaseView(lease, at), manifest, reclaimAt, credited, renewal }
    },
  })
  addRead(app, deps, {
    url: '/api/leases/:leaseId/events',
    summary: 'What happened to a lease on the chain, oldest first, a page at a time',
    tags: TAGS,
    params: leaseParams,
    query: leaseEventsQuerySchema,
    answer: leaseEventsSchema,
    changes: 'events',
    problems: ['lease-unknown', 'cursor-invalid'],
    read: ({ params, query }) => {
      const { leaseId } = leaseOr404(deps, params.leaseId)
      const cursors = wrappedCursor(scopeOf(`lease events ${leaseId}`, {}))
      const { limit } = query
      const { rows, next } = market.leaseEvents({ leaseId, limit, cursor: cursors.read(query.cursor) })
      const events = rows.map((event) => ({ ...event, args: plainArgs(event.args) }))
      return { events, next: cursors.write(next) }
    },
  })
  addRead(app, deps, {
    url: '/api/leases/:leaseId/readiness',
    summary: "What the node's beats last said of a lease's guest",
    tags: TAGS,
    params: leaseParams,
    answer: leaseReadinessSchema,
    changes: 'second',
    problems: ['lease-unknown'],
    read: ({ params }) => {
      const { leaseId, node } = leaseOr404(deps, params.leaseId)
      return { leaseId, ...(deps.readiness.of(leaseId, node) ?? { heardAt: null, state: null }) }
    },
  })
  addRead(app, deps, {
    url: '/api/leases/:leaseId/collaborators',
    summary: 'Who else may use a lease; nobody once it has ended',
    tags: TAGS,
    params: leaseParams,
    answer: collaboratorsSchema,
    changes: 'events',
    problems: ['lease-unknown'],
    read: ({ params }) => {
      const { leaseId } = leaseOr404(deps, params.leaseId)
      const collaborators = market.collaborators(leaseId).map(({ account, level, since, key }) => ({
        account,
        level,
        since,
        sealingKey: key?.sealingKey ?? null,
      }))
      return { collaborators }
    },
  })
}
