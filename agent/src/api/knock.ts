import { callerOf } from '@decloud/service/http'
import type { FastifyRequest } from 'fastify'
import type { Knock } from '../access/record.ts'

/** A request as the operator reads of it: its path may hold a ticket, so only the route is told. */
export const knockOf = (request: FastifyRequest): Knock => ({
  method: request.method,
  route: request.routeOptions.url ?? 'none',
  caller: callerOf(request.ip),
  origin: originOf(request),
})

/** The page that asks; null for none. */
export const originOf = ({ headers }: FastifyRequest): string | null => headers.origin?.slice(0, 200) ?? null
