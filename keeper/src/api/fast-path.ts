// Ready answers are given before the framework hears of the request: most requests are for one, and routing, hooks and a
// request object of its own cost twice what the answer does. Whatever is not plain goes the framework's way, unchanged.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { callerOf } from '@decloud/service/http'
import proxyAddress from '@fastify/proxy-addr'
import type { FastifyHttpOptions, RawServerDefault } from 'fastify'
import { type Answers, hasIt, type Ready } from './answers.ts'
import type { ApiDeps } from './deps.ts'
import { counterOf } from './observe.ts'

const NOTHING: readonly string[] = []

/** Node does not change what it is given. */
const both = (headers: readonly string[], more: readonly string[]) =>
  (more.length === 0 ? headers : [...headers, ...more]) as string[]

/** Sends a ready answer, or 304 to who has it. Headers as a list: Node takes them as they are, an object it walks twice. */
export const sendReady = (
  request: IncomingMessage,
  response: ServerResponse,
  ready: Ready,
  allowance: readonly string[],
): number => {
  if (hasIt(request.headers['if-none-match'], ready.tag)) {
    response.writeHead(304, both(ready.sameHeaders, allowance))
    response.end()
    return 304
  }
  response.writeHead(200, both(ready.headers, allowance))
  if (request.method === 'HEAD') response.end()
  else response.end(ready.body, ready.encoding)
  return 200
}

export type FastPathDeps = Pick<ApiDeps, 'config' | 'limits' | 'metrics' | 'draining'> & {
  answers: Pick<Answers, 'find'>
}

/** @returns whether the request has been answered. */
const makeFastPath = ({ answers, limits, metrics, config, draining }: FastPathDeps) => {
  const count = counterOf(metrics)
  const trusted = config.trustedProxies.length === 0 ? null : proxyAddress.compile(config.trustedProxies)
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    // While the keeper stops, the framework says so in its answers.
    if (request.method !== 'GET' || draining.aborted) return false
    const ready = answers.find(request.url ?? '')
    if (ready === undefined) return false
    const address = trusted === null ? request.socket.remoteAddress : proxyAddress(request, trusted)
    const taken = limits.ordinary.take(callerOf(address ?? ''))
    // The framework knows how to refuse; a refusal takes nothing from the bucket.
    if (!taken.granted) return false
    const allowance = taken.remaining < limits.plenty ? limits.fields(taken) : NOTHING
    const status = sendReady(request, response, ready, allowance)
    count(ready.route, status)
    return true
  }
}

/**
 * A request without a body has no type either, whatever it says. Its stream has ended before anyone can hear of it: the
 * framework, which reads a body wherever it finds a type, would wait for the end until the client gives up.
 */
const forgetTypeOfNothing = ({ headers }: IncomingMessage) => {
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
    delete headers['content-type']
}

/** For fastify's `serverFactory`; what fastify sets on a server of its own is set here. */
export const serveFast = (deps: FastPathDeps) => {
  const answered = makeFastPath(deps)
  return (
    handler: (request: IncomingMessage, response: ServerResponse) => void,
    options: FastifyHttpOptions<RawServerDefault>,
  ): RawServerDefault => {
    // A GET without a body is no stream that somebody has to drain; that a client has left is heard of its response.
    const server = createServer({ ...options.http, optimizeEmptyRequests: true }, (request, response) => {
      if (answered(request, response)) return
      forgetTypeOfNothing(request)
      handler(request, response)
    })
    if (options.keepAliveTimeout !== undefined) server.keepAliveTimeout = options.keepAliveTimeout
    if (options.requestTimeout !== undefined) server.requestTimeout = options.requestTimeout
    server.setTimeout(options.connectionTimeout ?? 0)
    return server
  }
}
