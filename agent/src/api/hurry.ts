// How long a request may take to arrive. Node's own limit knows no routes, and an upload takes as long as it takes: so
// every other body has ten seconds, and an upload only has to go on.
import type { Socket } from 'node:net'
import type { App } from './deps.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may take any time, as long as something moves. */
    unhurried?: boolean
  }
}

const BODY_MS = 10_000
/** Without a byte either way. */
const STALLED_MS = 60_000

type Late = (error: Error & { code: string }, socket: Socket) => void

/** @param tell answers and hangs up. */
export const hurryBodies = (app: App, tell: Late): void => {
  app.addHook('onRequest', async ({ raw, routeOptions }) => {
    const { socket } = raw
    // A reader who takes nothing holds a connection into a guest: it is not held for him for ever. Node takes this back
    // at the end of the answer.
    socket.setTimeout(STALLED_MS)
    if (raw.complete || routeOptions.config.unhurried === true) return
    const timer = setTimeout(() => {
      tell(Object.assign(new Error('the body is late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket)
    }, BODY_MS)
    const stop = () => clearTimeout(timer)
    raw.once('end', stop)
    raw.once('close', stop)
  })
}
