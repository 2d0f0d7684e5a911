// What is refused before anything is read: URLs too long, callers too fast.
import { DecloudError } from '@decloud/protocol'
import { callerOf, makeBuckets, type Taken } from '@decloud/service/http'
import type { FastifyInstance } from 'fastify'
import type { ApiConfig } from '../config/api.ts'
import { COMMON_HEADERS, PREFLIGHT_HEADERS } from './headers.ts'

/** Characters; a cursor and every filter together need less than half of it. */
const LONGEST_URL = 4_096

export type Limits = ReturnType<typeof makeLimits>

export const makeLimits = (config: Pick<ApiConfig, 'requestsPerMinute' | 'costlyRequestsPerMinute'>) => ({
  ordinary: makeBuckets({ perMinute: config.requestsPerMinute }),
  costly: makeBuckets({ perMinute: config.costlyRequestsPerMinute }),
  /** With so many left nobody has to be told: a ready answer takes less time than saying it. */
  plenty: config.requestsPerMinute / 2,
  /** Names and values in turn, as draft-ietf-httpapi-ratelimit-headers writes them: what is left, and quota and window. */
  fields: ({ remaining, seconds }: Taken, costly = false): readonly string[] => {
    const name = costly ? 'costly' : 'all'
    const quota = costly ? config.costlyRequestsPerMinute : config.requestsPerMinute
    return [
      ...['ratelimit', `"${name}";r=${remaining};t=${seconds}`],
      ...['ratelimit-policy', `"${name}";q=${quota};w=60`],
    ]
  },
})

export const guardRequests = (app: FastifyInstance, limits: Limits) => {
  app.decorateRequest('allowance', null)
  app.addHook('onRequest', (request, reply, done) => {
    const { url = '', method } = request.raw
    if (method === 'OPTIONS') {
      reply.code(204).headers(PREFLIGHT_HEADERS).send()
      return
    }
    if (url.length > LONGEST_URL) {
      done(
        new DecloudError('url-too-long', `The URL has ${url.length} characters, ${LONGEST_URL} are taken.`),
      )
      return
    }
    const costly = request.routeOptions.config.costly === true
    const caller = callerOf(request.ip)
    const taken = (costly ? limits.costly : limits.ordinary).take(caller)
    request.allowance = limits.fields(taken, costly)
    if (taken.granted) done()
    else done(tooFast(taken.seconds))
  })
  app.addHook('onSend', async (request, reply) => {
    reply.headers(COMMON_HEADERS)
    // What is not kept ready is private, or true for this moment alone.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
    const [left, leftValue, policy, policyValue] = request.allowance ?? []
    if (left !== undefined && policy !== undefined) reply.header(left, leftValue).header(policy, policyValue)
  })
}

const tooFast = (seconds: number) =>
  new DecloudError('rate-limited', `This address asks too often: wait ${seconds} s.`, {
    hint: 'Poll with If-None-Match, or listen to /api/events instead.',
    details: { retryAfterSeconds: seconds },
  })
