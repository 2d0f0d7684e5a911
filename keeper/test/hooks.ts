// A receiver of webhooks on this machine, which answers what a test tells it to.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ALERT_HEADERS, type AlertEvent, alertEventSchema } from '@decloud/protocol/wire/alerts'

export type Received = { path: string; headers: IncomingHttpHeaders; text: string; event: AlertEvent }

export const startReceiver = async () => {
  const received: Received[] = []
  let status: (path: string) => number = () => 204
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    const path = request.url ?? ''
    if (request.method === 'POST') {
      received.push({ path, headers: request.headers, text, event: alertEventSchema.parse(JSON.parse(text)) })
    }
    const code = status(path)
    response.writeHead(code, code === 302 ? { location: `${url}/elsewhere` } : {}).end('x'.repeat(100_000))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    received,
    /** What came to a path. */
    at: (path: string) => received.filter((one) => one.path === path),
    answer: (next: typeof status) => {
      status = next
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
export type Receiver = Awaited<ReturnType<typeof startReceiver>>

/** As a receiver checks a delivery. */
export const isSigned = ({ headers, text }: Received, secret: string): boolean => {
  const mac = createHmac('sha256', secret).update(`${headers[ALERT_HEADERS.timestamp]}.${text}`).digest('hex')
  const given = String(headers[ALERT_HEADERS.signature])
  const wanted = `v1=${mac}`
  return given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted))
}
