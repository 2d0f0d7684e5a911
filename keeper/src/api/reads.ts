// Routes that anyone may read. What was answered once is given again, ready made, until it may have changed.

import { compileAnswer } from '@decloud/service/http'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { z } from 'zod'
import type { Basis, Ready } from './answers.ts'
import type { ApiDeps, App } from './deps.ts'
import { sendReady } from './fast-path.ts'

export type Read<params extends z.ZodType, query extends z.ZodType, answer extends z.ZodType> = {
  url: string
  summary: string
  tags: readonly string[]
  params?: params
  query?: query
  answer: answer
  /** When an answer that was given may not be given again. */
  changes: Basis
  problems?: readonly string[]
  read(input: { params: z.output<params>; query: z.output<query> }): z.output<answer>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Header fields of what the caller has left, names and values in turn; `null` before that was counted. */
    allowance: readonly string[] | null
  }
}

export const give = (request: FastifyRequest, reply: FastifyReply, ready: Ready) => {
  reply.hijack()
  sendReady(request.raw, reply.raw, ready, request.allowance ?? [])
}

export const addRead = <params extends z.ZodType, query extends z.ZodType, answer extends z.ZodType>(
  app: App,
  { answers }: Pick<ApiDeps, 'answers'>,
  route: Read<params, query, answer>,
) => {
  const encode = compileAnswer(route.answer)
  const kind = { basis: route.changes, route: route.url }
  // The provider's types cannot follow schemas that are still type parameters; `Read` ties them together.
  const plain: FastifyInstance = app
  const schema: FastifySchema = {
    summary: route.summary,
    tags: [...route.tags],
    ...(route.params === undefined ? {} : { params: route.params }),
    ...(route.query === undefined ? {} : { querystring: route.query }),
    response: { 200: route.answer },
  }
  plain.get(
    route.url,
    {
      // What the fast path leaves: HEAD, and answers of a keeper that stops.
      onRequest: (request, reply, done) => {
        const ready = answers.find(request.raw.url ?? '')
        if (ready === undefined) done()
        else give(request, reply, ready)
      },
      schema,
      config: { problems: route.problems ?? [] },
    },
    (request, reply) => {
      // What the schemas above have decoded.
      const input = { params: request.params as z.output<params>, query: request.query as z.output<query> }
      const text = encode(route.read(input))
      give(request, reply, answers.keep(request.raw.url ?? '', kind, text))
    },
  )
}
