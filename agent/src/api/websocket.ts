import { MAX_FRAME_BYTES, STREAM_CLOSE, STREAM_PROTOCOL } from '@decloud/protocol/wire/terminal'
import websocket from '@fastify/websocket'
import type { App } from './deps.ts'

/** Peers that do not answer the closing are cut off. */
const FAREWELL_MS = 1_000

/** Upgrades go through every hook of the route: whoever is not let in gets an answer, not a socket. */
export const takeWebSockets = async (app: App): Promise<void> => {
  await app.register(websocket, {
    options: {
      maxPayload: MAX_FRAME_BYTES,
      // A ticket is offered as a protocol too: it is not for repeating.
      handleProtocols: (offered: Set<string>) => offered.has(STREAM_PROTOCOL) && STREAM_PROTOCOL,
      // Terminal output compresses in the tunnel below, if at all; here it would cost memory for each socket.
      perMessageDeflate: false,
    },
    errorHandler: (error, socket, request) => {
      request.log.error({ err: error }, 'a stream failed')
      socket.terminate()
    },
    preClose: (done) => {
      const { clients } = app.websocketServer
      if (clients.size === 0) {
        done()
        return
      }
      for (const client of clients) client.close(STREAM_CLOSE.stopping)
      setTimeout(() => {
        for (const client of clients) client.terminate()
        done()
      }, FAREWELL_MS)
    },
  })
}
