// /metrics on a listener of its own: loopback, or with a token.
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MetricsRegistry } from '@decloud/service/metrics'
import { listenFailed } from '../../lib/listen.ts'

export type MetricsListener = { url: string; close(): Promise<void> }

export type ListenerOptions = { host: string; port: number; token: string | undefined }

const digest = (text: string) => createHash('sha256').update(text).digest()

const isAllowed = (request: IncomingMessage, token: string | undefined): boolean =>
  token === undefined ||
  timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${token}`))

/** @throws DecloudError `port-occupied` or `listen-failed`. */
export const listenForMetrics = async (
  registry: MetricsRegistry,
  { host, port, token }: ListenerOptions,
): Promise<MetricsListener> => {
  const server = createServer({ requestTimeout: 5_000 }, (request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') =>
      response.writeHead(status, { 'content-type': type }).end(body)
    if (!isAllowed(request, token)) {
      response.setHeader('www-authenticate', 'Bearer')
      return answer(401, 'A bearer token is required.\n')
    }
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      return answer(404, 'There is nothing but GET /metrics.\n')
    }
    registry.text().then(
      (text) => answer(200, text, registry.contentType),
      () => answer(500, 'The figures cannot be gathered; the log says why.\n'),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(listenFailed(cause, { host, port, what: 'metrics' })))
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
