// Errors → answers, and what of them the operator reads later.
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { makeProblems } from '@decloud/service/http'
import type { FastifyRequest } from 'fastify'
import type { Access } from '../access.ts'
import { REFUSALS, STATUS } from './codes.ts'
import { COMMON_HEADERS } from './headers.ts'
import { knockOf } from './knock.ts'
import { leaseIdIn } from './lease-id.ts'

/** For the document. */
export const REFUSED = { statusOf: STATUS }

export const agentProblems = ({ record, pace }: Pick<Access, 'record' | 'pace'>) =>
  makeProblems({
    statusOf: STATUS,
    headers: COMMON_HEADERS,
    /** A refusal is told to the operator, and a caller who has had too many of them is told only to wait. */
    look: (error, request) => {
      const code = codeOf(error)
      if (!REFUSALS.has(code)) return error
      const told = code === 'rate-limited' ? error : (pace.refused(request.ip) ?? error)
      record.refused(codeOf(told), sentenceOf(told), knockOf(request), {
        ...{ by: request.knownAs ?? null, leaseId: leaseIdOf(request) },
      })
      return told
    },
  })

/** What the framework refuses by itself has a status; what has none is a fault of ours. */
const codeOf = (error: Error): string =>
  error instanceof DecloudError
    ? error.code
    : 'statusCode' in error && Number(error.statusCode) < 500
      ? 'request-invalid'
      : 'internal'

const leaseIdOf = ({ params }: FastifyRequest) =>
  typeof params === 'object' && params !== null && 'leaseId' in params
    ? leaseIdIn(String(params.leaseId))
    : null
