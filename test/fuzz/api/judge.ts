// What an answer must be: declared in the document, of the declared shape, and never our fault.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { Request, Route } from './requests.ts'

export type Answer = { status: number; type: string; body: string }

const JSON_TYPE = /^application\/json(;|$)/
const PROBLEM_TYPE = /^application\/problem\+json(;|$)/

/** @param document of the server that is asked. */
export const makeJudge = (document: object) => {
  const ajv = new Ajv2020({ strict: false, allErrors: false })
  ajv.addSchema(document, 'document')
  const compiled = new Map<string, ValidateFunction>()
  const pointer = (...parts: string[]) =>
    `document#/${parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`
  const validatorOf = (...parts: string[]): ValidateFunction => {
    const $ref = pointer(...parts)
    const known = compiled.get($ref) ?? ajv.compile({ $ref })
    compiled.set($ref, known)
    return known
  }
  const problem = validatorOf('components', 'schemas', 'Problem')

  const fits = (validate: ValidateFunction, body: string): string | null => {
    let value: unknown
    try {
      value = JSON.parse(body)
    } catch {
      return `is not JSON: ${body.slice(0, 200)}`
    }
    return validate(value)
      ? null
      : `breaks its schema: ${ajv.errorsText(validate.errors)} in ${body.slice(0, 400)}`
  }

  /** @returns what is wrong with it, `null` for nothing. */
  return (
    { method, path, operation }: Route,
    request: Request,
    { status, type, body }: Answer,
  ): string | null => {
    if (status >= 500) return `was answered with ${status}: ${body.slice(0, 400)}`
    // Of bytes that are no request the HTTP server itself may say so, or say nothing.
    if (request.kind === 'raw' && (status === 0 || type === '')) return null
    const asked = request.kind === 'http' && request.method.toLowerCase() === method
    if (status >= 400) {
      if (request.kind === 'http' && request.method === 'HEAD') return null
      if (!PROBLEM_TYPE.test(type)) return `has ${status} as ${type}`
      // A path that was changed may be that of another route, or of none.
      if (asked && ![404, 405].includes(status) && operation.responses[status] === undefined)
        return `was answered with ${status}, which the document does not declare: ${body.slice(0, 200)}`
      return fits(problem, body)
    }
    if (!asked) return status >= 200 ? null : `was answered with ${status}`
    if (status === 204 || status === 304) return body === '' ? null : `has a body with ${status}`
    const declared = operation.responses[status]
    if (declared === undefined) return `was answered with ${status}, which the document does not declare`
    const [declaredType = 'application/json'] = Object.keys(declared.content ?? {})
    if (declaredType !== 'application/json')
      return type.split(';')[0] === declaredType ? null : `is ${type}, not ${declaredType}`
    if (!JSON_TYPE.test(type)) return `is ${type}`
    return fits(
      validatorOf(
        'paths',
        path,
        method,
        'responses',
        String(status),
        'content',
        'application/json',
        'schema',
      ),
      body,
    )
  }
}
