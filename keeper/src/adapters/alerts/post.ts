// An HTTPS POST to an address that a stranger chose. The name is resolved once and every address of it must be public;
// the connection goes to one of those that were judged, so a name that answers otherwise a moment later gains nothing.
// No redirect is followed, no body is read, and nothing takes longer than the deadline.
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { DecloudError } from '@decloud/protocol'
import { isLoopbackAddress, isPublicAddress } from '../../domain/addresses.ts'
import type { Attempt, Post } from '../../ports/alerts.ts'
import { makeResolve, type Resolve } from './resolver.ts'

const DEADLINE_MS = 10_000

export type PostOptions = {
  /** For tests alone: also http, and addresses of this machine. */
  testLoopback: boolean
  resolve?: Resolve
}

/** @throws DecloudError `alert-url` for what no webhook may be. */
export const checkHookUrl = (text: string, { testLoopback }: Pick<PostOptions, 'testLoopback'>): URL => {
  const url = URL.canParse(text) ? new URL(text) : null
  const refuse = (why: string) =>
    new DecloudError('alert-url', `This URL cannot be a webhook: ${why}.`, {
      hint: 'Give an https URL of a public host.',
    })
  if (url === null) throw refuse('it is not a URL')
  if (url.protocol !== 'https:' && !(testLoopback && url.protocol === 'http:'))
    throw refuse('it is not https')
  if (url.username !== '' || url.password !== '') throw refuse('it carries a user name')
  if (url.hash !== '') throw refuse('it has a fragment')
  const port = Number(url.port || 443)
  if (port !== 443 && port < 1_024) throw refuse(`port ${port} is not one of a webhook`)
  const host = hostOf(url)
  if (isIP(host) !== 0 && !mayReach(host, testLoopback)) throw refuse('its address is not public')
  return url
}

const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '')
const mayReach = (ip: string, testLoopback: boolean) =>
  isPublicAddress(ip) || (testLoopback && isLoopbackAddress(ip))

export const makePost = (options: PostOptions): Post => {
  const { testLoopback, resolve = makeResolve() } = options
  /** @returns the addresses to connect to, or why there are none. */
  const addressesOf = async (
    host: string,
    signal: AbortSignal,
  ): Promise<{ ips: readonly string[] } | { why: string }> => {
    const ips = await resolve(host, signal).catch(() => [])
    if (ips.length === 0) return { why: `${host} has no address` }
    if (!ips.every((ip) => mayReach(ip, testLoopback)))
      return { why: `${host} has an address that is not public` }
    return { ips }
  }
  return async (text, headers, body, outer) => {
    try {
      const url = checkHookUrl(text, options)
      const signal = AbortSignal.any([outer, AbortSignal.timeout(DEADLINE_MS)])
      const target = await within(addressesOf(hostOf(url), signal), signal)
      if ('why' in target) return { outcome: 'failed', why: target.why }
      return verdictOf(await send(url, target.ips, headers, body, signal))
    } catch (error) {
      return { outcome: 'failed', why: reasonOf(error) }
    }
  }
}

/** The resolver knows no deadline of ours. */
const within = <result>(work: Promise<result>, signal: AbortSignal): Promise<result> =>
  new Promise((resolve, reject) => {
    const stop = () => reject(new DOMException('the deadline is over', 'TimeoutError'))
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })

/** @returns the status. Connects to one of `ips` whatever the name says by now; TLS checks the name all the same. */
const send = (
  url: URL,
  ips: readonly string[],
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const judged = ips.map((address) => ({ address, family: isIP(address) }))
    const pinned: LookupFunction = (_, { all }, done) =>
      all === true ? done(null, judged) : done(null, judged[0]!.address, judged[0]!.family)
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest
    const length = String(Buffer.byteLength(body))
    const sent = start(
      url,
      {
        ...{ method: 'POST', agent: false, signal, lookup: pinned, maxHeaderSize: 16_384 },
        headers: { ...headers, 'content-type': 'application/json', 'content-length': length },
      },
      (response) => {
        resolve(response.statusCode ?? 0)
        // What a receiver has to say is its status.
        response.destroy()
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })

const verdictOf = (status: number): Attempt => {
  if (status >= 200 && status < 300) return { outcome: 'delivered', why: '' }
  if (status === 410) return { outcome: 'gone', why: 'the receiver answered 410 Gone' }
  return { outcome: 'failed', why: `the receiver answered ${status}` }
}

const reasonOf = (error: unknown): string => {
  if (error instanceof DecloudError) return error.message
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) {
    return `no answer within ${DEADLINE_MS / 1_000} s`
  }
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? `the connection failed (${code})` : 'the connection failed'
}
