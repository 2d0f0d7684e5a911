import type { FastifyInstance } from 'fastify'
import { within } from '../lib/deadline.ts'

/** How soon a connection goes once its last answer is out. */
const IDLE_MS = 50

/** Takes no more requests and waits for those under way; past the deadline their connections are cut. */
export const closeServer = async (app: Pick<FastifyInstance, 'close' | 'server'>, deadlineMs: number) => {
  const closed = app.close()
  // Those that were idle went with the listener. One that was busy then was told to stay open with its answer, and its
  // client would keep it so: the whole deadline, with nobody left to wait for.
  const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_MS)
  try {
    await within(deadlineMs, closed)
    app.server.closeAllConnections()
    await closed
  } finally {
    clearInterval(idle)
  }
}
