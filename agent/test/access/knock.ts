// One request over a socket of its own, with headers that fetch would not send; an upgrade where one is asked for.
import { randomBytes } from 'node:crypto'
import { type IncomingMessage, request } from 'node:http'

export type Asked = {
  method: string
  path: string
  headers?: Readonly<Record<string, string>>
  body?: unknown
  /** A WebSocket is wanted, with these protocols. */
  upgrade?: readonly string[]
}
export type Answered = {
  status: number
  code: string | null
  headers: IncomingMessage['headers']
  body: string
}

const DEADLINE_MS = 20_000

export const knock = (url: string, asked: Asked): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const body = asked.body === undefined ? undefined : JSON.stringify(asked.body)
    const sent = request(new URL(asked.path, url), {
      method: asked.method,
      agent: false,
      timeout: DEADLINE_MS,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(asked.upgrade === undefined ? {} : upgradeHeaders(asked.upgrade)),
        ...asked.headers,
      },
    })
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error(`no answer to ${asked.method} ${asked.path}`)))
    sent.on('upgrade', (answer, socket) => {
      socket.destroy()
      resolve({ status: answer.statusCode ?? 0, code: null, headers: answer.headers, body: '' })
    })
    sent.on('response', (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString()
        resolve({
          ...{ status: answer.statusCode ?? 0, headers: answer.headers, body: text },
          code: codeIn(answer, text),
        })
      })
    })
    sent.end(body)
  })

const upgradeHeaders = (protocols: readonly string[]) => ({
  ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
  'sec-websocket-key': randomBytes(16).toString('base64'),
  ...(protocols.length === 0 ? {} : { 'sec-websocket-protocol': protocols.join(', ') }),
})

const codeIn = ({ headers }: IncomingMessage, text: string): string | null =>
  headers['content-type']?.startsWith('application/problem+json') === true && text !== ''
    ? String((JSON.parse(text) as { code: unknown }).code)
    : null
