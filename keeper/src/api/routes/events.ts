import { eventsQuerySchema } from '@decloud/protocol/wire/api'
import { callerOf } from '@decloud/service/http'
import type { ApiDeps, App } from '../deps.ts'
import { COMMON_HEADERS } from '../headers.ts'

const STREAM = {
  type: 'text/event-stream',
  description: 'Server-sent events: hello, chain, reverted, reset, repair, dropped; comments keep it alive.',
}

export const eventsRoute = (app: App, { live }: ApiDeps) => {
  app.get(
    '/api/events',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['live'],
        summary: 'Live changes as server-sent events, from now on or from `Last-Event-ID` on',
        querystring: eventsQuerySchema,
      },
      config: { problems: ['streams-full', 'streams-too-many'], streams: STREAM },
    },
    (request, reply) => {
      const { topics, lastEventId } = request.query
      const caller = callerOf(request.ip)
      live.admit(caller)
      const header = request.headers['last-event-id']
      reply.hijack()
      reply.raw.writeHead(200, {
        ...COMMON_HEADERS,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Proxies that gather answers would keep the news from their reader.
        'x-accel-buffering': 'no',
      })
      live.open(reply.raw, {
        caller,
        topics: topics === undefined ? null : new Set(topics),
        lastEventId: (typeof header === 'string' ? header : undefined) ?? lastEventId ?? null,
      })
    },
  )
}
