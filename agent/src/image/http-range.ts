// One question to one mirror: the bytes of a file from some offset on.
import { sentenceOf } from '@decloud/protocol'

/** `gone`: this mirror will not do, whatever is tried again. */
export class MirrorError extends Error {
  override readonly name = 'MirrorError'
  readonly gone: boolean

  constructor(message: string, { gone = false, cause }: { gone?: boolean; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.gone = gone
  }
}

export interface Answer {
  /** Where the body begins; 0 if the server sends the whole file, whatever it was asked for. */
  readonly start: number
  /** Of the whole file; null if the server does not say. */
  readonly totalBytes: number | null
  /** A strong one only: a weak one may stand for other bytes. */
  readonly etag: string | null
  readonly body: AsyncIterable<Uint8Array>
}

const MAX_REDIRECTS = 5
/** Refused once, a mirror may work later: too many requests, and its own trouble. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * @param start bytes that are there already, @param etag under which they were given: the server sends the whole file if
 *   it is another by now.
 * @returns null when the server has nothing after `start`: what is there is as long as the file, or longer.
 * @throws MirrorError; whatever the signal was aborted with.
 */
export async function askForRange(
  url: string,
  start: number,
  etag: string | null,
  signal: AbortSignal,
): Promise<Answer | null> {
  const response = await follow(url, start, etag, signal)
  try {
    if (response.status === 416 && start > 0) {
      await response.body?.cancel()
      return null
    }
    return understand(response, start)
  } catch (error) {
    await response.body?.cancel()
    throw error
  }
}

async function follow(
  url: string,
  start: number,
  etag: string | null,
  signal: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' }
  if (start > 0) headers['range'] = `bytes=${start}-`
  if (start > 0 && etag !== null) headers['if-range'] = etag
  let at = new URL(url)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await fetch(at, { headers, redirect: 'manual', signal }).catch((cause) => {
      signal.throwIfAborted()
      throw new MirrorError(`${at.host} cannot be reached: ${reasonOf(cause)}`, { cause })
    })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) return response
    await response.body?.cancel()
    const next = URL.parse(location, at.href)
    if (next === null) throw new MirrorError(`${at.host} redirects to what is no address`, { gone: true })
    // https → http would show the download to everyone on the way; file: and data: are no mirrors at all.
    if (next.protocol !== at.protocol) {
      throw new MirrorError(
        `${at.host} redirects from ${at.protocol} to ${next.protocol}, which is refused`,
        {
          gone: true,
        },
      )
    }
    at = next
  }
  throw new MirrorError(`${url} redirects more than ${MAX_REDIRECTS} times`, { gone: true })
}

function understand(response: Response, asked: number): Answer {
  const { status, headers, body } = response
  const host = URL.parse(response.url)?.host ?? 'the mirror'
  if (status !== 200 && status !== 206) {
    throw new MirrorError(`${host} answers with status ${status}`, { gone: !PASSING.has(status) })
  }
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') {
    throw new MirrorError(`${host} sends the file compressed, though it was asked not to`, { gone: true })
  }
  if (body === null) throw new MirrorError(`${host} answers without a body`)
  const tag = headers.get('etag')
  const etag = tag?.startsWith('"') ? tag : null
  if (status === 200) {
    return { start: 0, totalBytes: numberOf(headers.get('content-length')), etag, body: chunksOf(body) }
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '')
  if (range === null || Number(range[1]) !== asked) {
    throw new MirrorError(`${host} sends another part of the file than it was asked for`, { gone: true })
  }
  return { start: asked, totalBytes: numberOf(range[2] ?? null), etag, body: chunksOf(body) }
}

const numberOf = (text: string | null): number | null =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk
  } catch (cause) {
    throw new MirrorError(`the connection was cut: ${reasonOf(cause)}`, { cause })
  }
}

/** fetch says "fetch failed"; why stands in its cause. */
const reasonOf = (error: unknown): string =>
  sentenceOf(error instanceof Error && error.cause instanceof Error ? error.cause : error)
