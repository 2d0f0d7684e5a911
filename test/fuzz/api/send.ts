// Requests as they are over the wire: no URL is tidied up on the way.
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import type { Answer } from './judge.ts'
import type { Request } from './requests.ts'

const DEADLINE_MS = 20_000
/** A stream has no end: what came first is enough. */
const STREAM_TYPE = 'text/event-stream'

export const makeSender = (url: string) => {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })

  const http = (request: Extract<Request, { kind: 'http' }>, token: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { method, path, body } = request
      const headers = {
        ...(request.signedIn ? { authorization: `Bearer ${token}` } : {}),
        ...request.headers,
        // Node writes a body of a GET only when its length is told.
        ...(body === null || request.headers['content-length'] !== undefined
          ? {}
          : { 'content-length': String(Buffer.byteLength(body)) }),
      }
      const sent = httpRequest({
        hostname,
        port,
        agent,
        method,
        path: ascii(path),
        headers,
        timeout: DEADLINE_MS,
      })
      sent.once('response', (response) => {
        const status = response.statusCode ?? 0
        const type = response.headers['content-type'] ?? ''
        if (type.startsWith(STREAM_TYPE)) {
          response.destroy()
          resolve({ status, type, body: '' })
          return
        }
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('end', () => resolve({ status, type, body: Buffer.concat(chunks).toString('utf8') }))
        response.once('error', reject)
      })
      sent.once('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer in ${DEADLINE_MS} ms`)))
      sent.once('error', (error: NodeJS.ErrnoException) => {
        // A body larger than the server reads: it answers and closes, and the rest of the body has nowhere to go.
        if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve({ status: 0, type: '', body: '' })
        else reject(error)
      })
      sent.end(body ?? undefined)
    })

  /** Status 0: the server closed the connection without a word, as it may when there is no request to answer. */
  const raw = (bytes: string): Promise<Answer> =>
    new Promise((resolve) => {
      const socket = connect(Number(port), hostname)
      let text = ''
      const finish = () => {
        socket.destroy()
        const head = /^HTTP\/1\.1 (\d{3})/.exec(text)
        const type = /^content-type: *([^\r\n]+)/im.exec(text)?.[1] ?? ''
        const body = text.slice(text.indexOf('\r\n\r\n') + 4)
        resolve({ status: Number(head?.[1] ?? 0), type, body: head === null ? '' : body })
      }
      socket.setTimeout(200, finish)
      socket.on('data', (data) => {
        text += data.toString('latin1')
      })
      socket.once('close', finish)
      socket.once('error', finish)
      socket.write(bytes, 'latin1')
    })

  return {
    send: (request: Request, token: string): Promise<Answer> =>
      request.kind === 'raw' ? raw(request.bytes) : http(request, token),
    close: () => agent.destroy(),
  }
}

/** What Node's client refuses to write in a request line is written as UTF-8 in percent signs. */
const ascii = (path: string) => path.replace(/[^\x21-\x7e]/g, (character) => encodeURIComponent(character))
