// The one place where an error becomes an HTTP answer (RFC 9457, application/problem+json).
import type { Socket } from 'node:net'
import { DecloudError } from '@decloud/protocol'
import type { ApiProblem } from '@decloud/protocol/wire/api'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { TITLES } from './titles.ts'

export const PROBLEM_TYPE = 'application/problem+json'

const problem = (status: number, code: string, detail?: string): ApiProblem => ({
  type: 'about:blank',
  title: TITLES[status] ?? 'Error',
  status,
  code,
  ...(detail === undefined ? {} : { detail }),
})

/** The framework's own refusals, in our words. */
const FRAMEWORK: Readonly<Record<string, [status: number, code: string, detail: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body-too-large', 'The body is larger than this route takes.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'media-type-wrong', 'Send the body as application/json.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'request-invalid', 'The body is empty.'],
  FST_ERR_CTP_INVALID_JSON_BODY: [400, 'request-invalid', 'The body is not JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'request-invalid', 'The body is not as long as it says.'],
  FST_ERR_BAD_URL: [400, 'request-invalid', 'The URL is not well formed.'],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'url-too-long', 'A part of the path is too long.'],
}

/** The status of each refusal, by its code. A code that is not in it is a fault of the process: 500. */
export type StatusOf = Readonly<Record<string, number>>

const problemOf = (error: FastifyError | Error, statusOf: StatusOf): ApiProblem => {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.map((one) => ({
      path: one.instancePath,
      message: one.message ?? 'invalid',
    }))
    return { ...problem(400, 'request-invalid', 'The request does not fit its schema.'), errors }
  }
  if (error instanceof DecloudError) {
    const status = statusOf[error.code]
    if (status !== undefined) return problem(status, error.code, error.sentence)
  }
  const known = 'code' in error ? FRAMEWORK[error.code] : undefined
  if (known !== undefined) return problem(...known)
  const status = 'statusCode' in error ? error.statusCode : undefined
  if (status !== undefined && status >= 400 && status < 500)
    return problem(status, 'request-invalid', error.message)
  // What went wrong inside is for the log, not for strangers.
  return problem(500, 'internal')
}

const send = (reply: FastifyReply, body: ApiProblem) =>
  reply.code(body.status).header('content-type', PROBLEM_TYPE).send(JSON.stringify(body))

const unknownRoute = (method: string, path: string) =>
  new DecloudError('route-unknown', `There is no ${method} ${path}.`)
const wrongMethod = (path: string, methods: readonly string[]) =>
  new DecloudError('method-wrong', `${path} takes ${methods.join(', ')}.`)

/** Of the parser, before there is a request: a header too large, a request that never ends, or no HTTP at all. */
const PARSER: Readonly<Record<string, [status: number, code: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'header-too-large', 'The headers, the URL included, are larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request-timeout', 'The request did not end in time.'],
}

export type ProblemOptions = {
  statusOf: StatusOf
  /** Of every answer, for those that the framework never sees. */
  headers: Readonly<Record<string, string>>
  /** Sees every error before it is answered; what it returns is answered. */
  look?(error: FastifyError | Error, request: FastifyRequest): FastifyError | Error
}

export const makeProblems = ({ statusOf, headers, look }: ProblemOptions) => {
  const answerError = (thrown: FastifyError | Error, request: FastifyRequest, reply: FastifyReply) => {
    const error = look?.(thrown, request) ?? thrown
    const body = problemOf(error, statusOf)
    if (body.status >= 500 && body.status !== 503) request.log.error({ err: error }, 'request failed')
    const retryAfter = error instanceof DecloudError ? error.details['retryAfterSeconds'] : undefined
    if (typeof retryAfter === 'number') reply.header('retry-after', retryAfter)
    return send(reply, body)
  }

  return {
    /** For fastify's `frameworkErrors`. */
    answerError,
    /** For fastify's `clientErrorHandler`. */
    answerParserError: (error: Error & { code?: string }, socket: Socket): void => {
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy()
        return
      }
      const body = problem(...(PARSER[error.code ?? ''] ?? [400, 'request-invalid', 'This is not HTTP.']))
      const text = JSON.stringify(body)
      const all = { ...headers, 'content-type': PROBLEM_TYPE, 'content-length': Buffer.byteLength(text) }
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
      socket.end(
        [`HTTP/1.1 ${body.status} ${body.title}`, ...lines, 'connection: close', '', text].join('\r\n'),
        () => socket.destroy(),
      )
    },
    /** @param methodsAt the methods that a path has, none for a path that is not there. */
    answerWithProblems: (app: FastifyInstance, methodsAt: (path: string) => readonly string[]) => {
      app.setErrorHandler(answerError)
      app.setNotFoundHandler((request, reply) => {
        const path = request.url.split('?')[0] ?? ''
        const methods = methodsAt(path)
        if (methods.length === 0) return answerError(unknownRoute(request.method, path), request, reply)
        reply.header('allow', [...methods, 'OPTIONS'].join(', '))
        return answerError(wrongMethod(path, methods), request, reply)
      })
    },
  }
}
