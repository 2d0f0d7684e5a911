// A mirror on loopback that can be as bad as mirrors are.
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export type Behaviour = {
  /** Cuts the connection once so many bytes of the answer were sent; by the number of the request, from 0. */
  cutAfter?: (request: number) => number | null
  ignoreRange?: boolean
  /** Sends the part asked for, of whatever file there is by now. */
  ignoreIfRange?: boolean
  etag?: (request: number) => string | null
  status?: (request: number) => number | null
  redirect?: (request: number) => string | null
  /** Announced instead of the true one. */
  length?: number
  bytes?: (request: number) => Uint8Array
  /** Bytes a second. */
  rate?: number
  chunked?: boolean
  encoding?: string
}

/** `seen`: how much of the file the client has, as it says itself; a cut waits for it, since what is on the way is lost. */
type State = { behaviour: Behaviour; file: Uint8Array; seen: number }

export type Mirror = Awaited<ReturnType<typeof startMirror>>

export async function startMirror(file: Uint8Array, behaviour: Behaviour = {}) {
  const ranges: (string | null)[] = []
  const state: State = { behaviour, file, seen: 0 }
  const server = createServer((request, response) => {
    const number = ranges.length
    ranges.push(request.headers.range ?? null)
    answer(request, response, number, state).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/disk.img`,
    /** The Range header of each request, in order. */
    ranges,
    state,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, number: number, state: State) {
  const { behaviour } = state
  state.seen = 0
  const location = behaviour.redirect?.(number) ?? null
  if (location !== null) return response.writeHead(302, { location }).end()
  const status = behaviour.status?.(number) ?? null
  if (status !== null) return response.writeHead(status).end()
  const file = behaviour.bytes?.(number) ?? state.file
  const etag = behaviour.etag === undefined ? `"${sha256(file)}"` : behaviour.etag(number)
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
  const fresh =
    behaviour.ignoreIfRange ||
    request.headers['if-range'] === undefined ||
    request.headers['if-range'] === etag
  const start = asked && fresh && !behaviour.ignoreRange ? Number(asked[1]) : 0
  const headers: Record<string, string | number> = etag === null ? {} : { etag }
  if (behaviour.encoding) headers['content-encoding'] = behaviour.encoding
  if (start > 0 && start >= file.length) {
    return response.writeHead(416, { ...headers, 'content-range': `bytes */${file.length}` }).end()
  }
  const body = file.subarray(start)
  if (!behaviour.chunked) headers['content-length'] = behaviour.length ?? body.length
  if (start > 0) headers['content-range'] = `bytes ${start}-${file.length - 1}/${file.length}`
  response.writeHead(start > 0 ? 206 : 200, headers)
  const cut = behaviour.cutAfter?.(number) ?? null
  const sent = cut === null ? body : body.subarray(0, cut)
  await send(response, sent, behaviour.rate)
  if (cut !== null && cut < body.length) {
    for (let i = 0; i < 200 && state.seen < start + cut; i++) await sleep(5)
    response.destroy()
  } else response.end()
}

async function send(response: ServerResponse, bytes: Uint8Array, rate: number | undefined) {
  const piece = rate === undefined ? 64 * 1024 : Math.max(1, Math.floor(rate / 20))
  for (let at = 0; at < bytes.length && !response.destroyed; at += piece) {
    await new Promise<void>((resolve) => response.write(bytes.subarray(at, at + piece), () => resolve()))
    if (rate !== undefined) await sleep(50)
  }
}

/** Pseudo-random bytes: a piece in the wrong place is found. */
export const someBytes = (length: number): Buffer => randomBytes(length)
