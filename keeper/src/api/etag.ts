import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

/** Strong ETags over the body: a client that polls gets 304 until something changed. */
export const tagResponses = (app: FastifyInstance) => {
  app.addHook('onSend', async (request, reply, payload) => {
    if (reply.statusCode !== 200 || typeof payload !== 'string') return payload
    const tag = `"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`
    reply.header('etag', tag).header('cache-control', 'no-cache')
    const wanted = request.headers['if-none-match']?.split(',').map((one) => one.trim().replace(/^W\//, ''))
    if (wanted?.includes(tag) !== true) return payload
    reply.code(304).removeHeader('content-type')
    return null
  })
}
