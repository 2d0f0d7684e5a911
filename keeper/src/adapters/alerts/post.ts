// An HTTPS POST to an address that a stranger chose. The name is resolved once and every address of it must be public;
// the connection goes to what was judged, so a name that answers otherwise a moment later gains nothing. No redirect is
// followed, no body is read, and nothing takes longer than the deadline.
import { lookup } from 'node:dns/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { DecloudError } from '@decloud/protocol'
import { isLoopbackAddress, isPublicAddress } from '../../domain/addresses.ts'
import type { Attempt, Post } from '../../ports/alerts.ts'

const DEADLINE_MS = 10_000

export type PostOptions = {
  /** For tests alone: also http, and addresses of this machine. */
  testLoopback: boolean
  resolve?: (host: string) => Promise<readonly string[]>
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

const resolveAll = async (host: string): Promise<readonly string[]> =>
  isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host]

export const makePost = (options: PostOptions): Post => {
  const { testLoopback, resolve = resolveAll } = options
  /** @returns the address to connect to, or why there is none. */
  const addressOf = async (host: string): Promise<{ ip: string } | { why: string }> => {
    const found = await resolve(host).catch(() => [])
    const [first] = found
    if (first === undefined) return { why: `${host} has no address` }
    if (!found.every((ip) => mayReach(ip, testLoopback)))
      return { why: `${host} has an address that is not public` }
    return { ip: first }
  }
  return async (text, headers, body, outer) => {
    try {
      const url = checkHookUrl(text, options)
      const signal = AbortSignal.any([outer, AbortSignal.timeout(DEADLINE_MS)])
      const target = await within(addressOf(hostOf(url)), signal)
      if ('why' in target) return { outcome: 'failed', why: target.why }
      return verdictOf(await send(url, target.ip, headers, body, signal))
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

/** @returns the status. Connects to `ip` whatever the name says by now; TLS checks the name all the same. */
const send = (
  url: URL,
  ip: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const family = isIP(ip)
    const pinned: LookupFunction = (_, { all }, done) =>
      all === true ? done(null, [{ address: ip, family }]) : done(null, ip, family)
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
