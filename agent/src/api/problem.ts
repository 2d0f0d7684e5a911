import type { FastifyReply } from 'fastify'

/** RFC 9457. */
export const problem = (reply: FastifyReply, status: number, code: string, detail: string) =>
  reply
    .code(status)
    .type('application/problem+json')
    .send({ type: `urn:decloud:${code}`, title: code, status, detail })
