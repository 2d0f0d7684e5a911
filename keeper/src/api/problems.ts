// The one place where an error becomes an HTTP answer (RFC 9457, application/problem+json).
import { DecloudError } from '@decloud/protocol'
import type { ApiProblem } from '@decloud/protocol/wire/api'
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'

const STATUS: Readonly<Record<string, number>> = {
  'lease-unknown': 404,
  'node-unknown': 404,
  'upkeep-none': 404,
  'cursor-invalid': 400,
  'sign-in-refused': 400,
  'nonce-invalid': 400,
  'signature-wrong': 401,
  'session-missing': 401,
  'session-unknown': 401,
  'session-reused': 401,
  'sign-in-busy': 503,
  'not-indexed': 503,
  'beat-malformed': 400,
  'beat-not-agents': 403,
  'beat-node-unknown': 404,
  'beat-oversized': 413,
  'beat-early': 422,
  'beat-late': 422,
  'rate-limited': 429,
  // The sponsor: 422 what no gas would mend, 403 what it does not pay for, 429 what it paid for already, 503 not now.
  'contract-refused': 422,
  'signature-invalid': 422,
  'mandate-early': 422,
  'mandate-expiring': 422,
  'sponsorship-unknown': 404,
  'sponsor-deposit-small': 403,
  'sponsor-manifest-large': 403,
  'sponsor-not-worth': 403,
  'sponsor-gas': 403,
  'sponsor-busy': 429,
  'sponsor-reverts': 429,
  'sponsor-address-count': 429,
  'sponsor-address-cost': 429,
  'sponsor-origin-count': 429,
  'sponsor-off': 503,
  'sponsor-budget': 503,
  'sponsor-crowded': 503,
  'sponsor-empty': 503,
  'rpc-unreachable': 503,
  'alert-unknown': 404,
  'alert-url': 422,
  'alert-forbidden': 403,
  'alerts-full': 429,
  'alerts-off': 503,
  'mailbox-empty': 404,
  'mailbox-closed': 503,
  'mailbox-full': 503,
  'mailbox-rate': 429,
  'mailbox-large': 413,
  'mailbox-expired': 422,
  'mailbox-early': 422,
  'mailbox-stale': 401,
  'mailbox-not-tenant': 403,
  'mailbox-not-agent': 403,
  'mailbox-lease-state': 409,
  'mailbox-node': 409,
  'mailbox-superseded': 409,
}
const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  409: 'Conflict',
  413: 'Too large',
  422: 'Unprocessable',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Not ready',
}

const problem = (status: number, code: string, detail?: string): ApiProblem => ({
  type: 'about:blank',
  title: TITLES[status] ?? 'Error',
  status,
  code,
  ...(detail === undefined ? {} : { detail }),
})

const problemOf = (error: FastifyError | Error): ApiProblem => {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.map((one) => ({
      path: one.instancePath,
      message: one.message ?? 'invalid',
    }))
    return { ...problem(400, 'request-invalid', 'The request does not fit its schema.'), errors }
  }
  if (error instanceof DecloudError) {
    const status = STATUS[error.code]
    if (status !== undefined) return problem(status, error.code, error.sentence)
  }
  const status = 'statusCode' in error ? error.statusCode : undefined
  if (status !== undefined && status >= 400 && status < 500)
    return problem(status, 'request-refused', error.message)
  // What went wrong inside is for the log, not for strangers.
  return problem(500, 'internal')
}

const send = (reply: FastifyReply, body: ApiProblem) =>
  reply.code(body.status).header('content-type', 'application/problem+json').send(JSON.stringify(body))

export const answerWithProblems = (app: FastifyInstance) => {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const body = problemOf(error)
    if (body.status >= 500) request.log.error({ err: error }, 'request failed')
    return send(reply, body)
  })
  app.setNotFoundHandler((request, reply) =>
    send(reply, problem(404, 'route-unknown', `There is no ${request.method} ${request.url.split('?')[0]}.`)),
  )
}
