import type { FastifyInstance } from 'fastify'
import { within } from '../lib/deadline.ts'

/** Takes no more requests and waits for those under way; past the deadline their connections are cut. */
export const closeServer = async (app: Pick<FastifyInstance, 'close' | 'server'>, deadlineMs: number) => {
  const closed = app.close()
  await within(deadlineMs, closed)
  app.server.closeAllConnections()
  await closed
}
