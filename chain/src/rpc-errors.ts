// viem's error tree → ChainError, with the one bit that every loop needs: is it worth trying again?
import { DecloudError } from '@decloud/protocol'
import { BaseError, HttpRequestError, TimeoutError } from 'viem'
import { ChainError } from './errors.ts'

// JSON-RPC: server errors (-32000…) are "not now" (header not found, limit exceeded, internal); the rest is our fault.
const RETRYABLE_CODES: ReadonlySet<number> = new Set([-32000, -32001, -32002, -32005, -32603, -32016])
const RETRYABLE_STATUS = (status: number) =>
  status === 408 || status === 425 || status === 429 || status >= 500

/** The host alone: the path and the query of an RPC URL often carry a key. */
export const hostOf = (url: string): string => {
  try {
    return new URL(url).host
  } catch {
    return 'invalid URL'
  }
}

const rpcCode = (error: BaseError): number | undefined => {
  const found = error.walk((e) => typeof (e as { code?: unknown }).code === 'number')
  return (found as { code?: number } | null)?.code
}

const httpError = (error: BaseError): HttpRequestError | null =>
  error.walk((e) => e instanceof HttpRequestError) as HttpRequestError | null

/** Longest pause that an RPC may ask for: one that says "tomorrow" is tried again all the same. */
const LONGEST_REST_MS = 60_000
/** For an RPC that says "too many requests" and not how long. */
const USUAL_REST_MS = 1_000

// JSON-RPC has no word for it; these are the codes of the large providers.
const LIMITED_CODES: ReadonlySet<number> = new Set([-32005, -32007, -32029, -32097, 429])
const LIMITED_WORDS = /rate.?limit|too many requests|requests? per|compute units|throttl|capacity exceeded/i

/** @returns how long to leave the RPC alone, ms; `undefined` when it did not say that it has had too much. */
const restOf = (error: BaseError): number | undefined => {
  const http = httpError(error)
  if (http?.status === 429 || http?.status === 503) {
    const said = http.headers?.get('retry-after') ?? ''
    if (/^\d+$/.test(said)) return Math.min(Number(said) * 1_000, LONGEST_REST_MS)
    return http.status === 429 ? USUAL_REST_MS : undefined
  }
  const code = rpcCode(error)
  const limited = code !== undefined && LIMITED_CODES.has(code) && LIMITED_WORDS.test(detailOf(error))
  return limited ? USUAL_REST_MS : undefined
}

const isUnreachable = (error: BaseError): boolean => {
  const http = httpError(error)
  if (http !== null) return http.status === undefined || RETRYABLE_STATUS(http.status)
  return error.walk((e) => e instanceof TimeoutError) !== null
}

/** Whether no answer came, or one that says "not now"; a refusal is an answer. */
export const isUnreachableError = (error: unknown): boolean =>
  error instanceof BaseError && isUnreachable(error)

/** The text that the RPC itself gave, without viem's request dump (it holds the URL). */
export const detailOf = (error: unknown): string =>
  error instanceof BaseError
    ? error.details || error.shortMessage
    : error instanceof Error
      ? error.message
      : String(error)

/** What is no RPC at all answers with whole pages. */
const MOST_DETAIL = 200
const inShort = (text: string): string =>
  text.length <= MOST_DETAIL ? text : `${text.slice(0, MOST_DETAIL)}…`

/** @param what the request in words, for the sentence: "read the head". */
export const toChainError = (what: string, url: string, error: unknown): ChainError => {
  if (error instanceof ChainError) return error
  const host = hostOf(url)
  const detail = inShort(detailOf(error).replaceAll(url, host))
  // Node's own fetch failures reach us bare when they happen outside viem's wrapper.
  if (!(error instanceof BaseError)) {
    if (error instanceof DecloudError) {
      return new ChainError(error.code, error.message, {
        hint: error.hint,
        details: error.details,
        cause: error,
      })
    }
    return new ChainError('rpc-failed', `Could not ${what} at ${host}: ${detail}.`, { cause: error })
  }
  const retryAfterMs = restOf(error)
  if (retryAfterMs !== undefined) {
    // To whoever asked it is the same as no answer: nothing is known, and later it may be.
    return new ChainError(
      'rpc-unreachable',
      `The RPC at ${host} has had too many requests: could not ${what}.`,
      {
        retryable: true,
        retryAfterMs,
        hint: 'It is left alone as long as it asks; give a second RPC, or one with a higher limit, if this happens often.',
        details: { host, retryAfterMs },
        cause: error,
      },
    )
  }
  if (isUnreachable(error)) {
    return new ChainError(
      'rpc-unreachable',
      `The RPC at ${host} does not answer: could not ${what} (${detail}).`,
      {
        retryable: true,
        hint: 'Check that it runs and is reachable; the work goes on by itself when it is back.',
        details: { host },
        cause: error,
      },
    )
  }
  const code = rpcCode(error)
  return new ChainError('rpc-refused', `The RPC at ${host} refused to ${what}: ${detail}.`, {
    retryable: code !== undefined && RETRYABLE_CODES.has(code),
    details: { host, rpcCode: code ?? null },
    cause: error,
  })
}

// Providers cap a range of logs by blocks, logs, bytes or seconds, each in words of its own.
const RANGE_WORDS =
  /range|too (many|large|big|wide)|more than|exceed|limit|maximum|response size|result window|query (timeout|returned)|timed? ?out/i

/** Whether the RPC means "ask for less": the same logs, in smaller pieces, may well be had. */
export const isRangeRefusal = (error: ChainError): boolean =>
  error.code === 'rpc-refused' && RANGE_WORDS.test(error.message)
