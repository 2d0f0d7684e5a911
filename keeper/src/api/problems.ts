import { makeProblems } from '@decloud/service/http'
import { STATUS } from './codes.ts'
import { COMMON_HEADERS } from './headers.ts'

export const { answerError, answerParserError, answerWithProblems } = makeProblems({
  statusOf: STATUS,
  headers: COMMON_HEADERS,
})

/** For the document: every read may come before the first look at the chain is done. */
export const REFUSALS = { statusOf: STATUS, reads: ['not-indexed'] }
