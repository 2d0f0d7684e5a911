// Requests of one operation, made from the document: such as fit it, such as just fit it, and such as do not.
import fc from 'fast-check'
import { fittingValue, type Schema } from './arbitrary.ts'
import { hostileBody, hostileHeaders, hostileText, hostileType, rawRequests } from './hostile.ts'

type Parameter = { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: Schema }
export type Operation = {
  operationId: string
  parameters?: Parameter[]
  requestBody?: { content: { 'application/json': { schema: Schema } } }
  security?: unknown[]
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}
export type Route = { method: string; path: string; operation: Operation }

/** Things that are there, by the name of the parameter or field that asks for them. */
export type Known = Readonly<Record<string, readonly string[]>>

export type Request =
  | { kind: 'raw'; bytes: string }
  | {
      kind: 'http'
      method: string
      /** Encoded as it goes over the wire. */
      path: string
      headers: Record<string, string>
      body: string | null
      /** Whether it carries the token of a session that is open. */
      signedIn: boolean
    }

const wordsFor = (
  known: Known,
  { name, schema }: Pick<Parameter, 'name' | 'schema'>,
): fc.Arbitrary<string> => {
  const fitting = fittingValue(schema).map((value) => encodeURIComponent(String(value).toWellFormed()))
  const there = known[name]
  return there === undefined
    ? fitting
    : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...there) }, fitting)
}

const queryOf = (parameters: readonly Parameter[], text: (one: Parameter) => fc.Arbitrary<string>) =>
  fc
    .tuple(...parameters.map((one) => fc.option(text(one), { freq: 2 })))
    .map((values) =>
      values.flatMap((value, i) => (value === null ? [] : [`${parameters[i]?.name}=${value}`])),
    )

const surplus = fc.constantFrom(
  ...[
    '__proto__=1',
    '__proto__[a]=1',
    'constructor.prototype.a=1',
    'unknown=1',
    '=',
    '&',
    '%=%',
    'a[]=1',
    '?',
    '#x',
  ],
)

/** Fields that hold something that is there, at any depth, so that more than the first check is reached. */
const knownFields = (known: Known, value: unknown, pick: number): unknown => {
  if (Array.isArray(value)) return value.map((one) => knownFields(known, one, pick))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      const there = known[name]
      if (there === undefined || pick % 4 === 0) return [name, knownFields(known, one, pick)]
      const word = there[pick % there.length] ?? ''
      return [name, typeof one === 'number' ? Number(word) : word]
    }),
  )
}

export const requestsOf = ({ method, path, operation }: Route, known: Known): fc.Arbitrary<Request> => {
  const parameters = operation.parameters ?? []
  const inPath = parameters.filter((one) => one.in === 'path')
  const inQuery = parameters.filter((one) => one.in === 'query')
  const fitting = (one: Parameter) => wordsFor(known, one)
  const hostile = (one: Parameter) => fc.oneof(hostileText, wordsFor(known, one))
  const pathOf = (text: (one: Parameter) => fc.Arbitrary<string>) =>
    fc
      .tuple(...inPath.map(text))
      .map((values) => inPath.reduce((url, one, i) => url.replace(`{${one.name}}`, values[i] ?? ''), path))
  const urlOf = (text: (one: Parameter) => fc.Arbitrary<string>, more: fc.Arbitrary<string[]>) =>
    fc
      .tuple(pathOf(text), queryOf(inQuery, text), more)
      .map(
        ([url, query, extra]) =>
          `${url}${[...query, ...extra].length === 0 ? '' : `?${[...query, ...extra].join('&')}`}`,
      )

  const schema = operation.requestBody?.content['application/json'].schema
  const body =
    schema === undefined
      ? fc.constant(null)
      : fc
          .tuple(fittingValue(schema), fc.nat(1_000))
          .map(([value, pick]) => JSON.stringify(knownFields(known, value, pick)))
  const json = { 'content-type': 'application/json' }
  const headersFor = (text: string | null): Record<string, string> => (text === null ? {} : json)

  const valid = fc.record({ url: urlOf(fitting, fc.constant([])), body, signedIn: fc.boolean() }).map(
    ({ url, body, signedIn }): Request => ({
      ...{ kind: 'http', method: method.toUpperCase(), path: url, headers: headersFor(body), body, signedIn },
    }),
  )
  const odd = fc
    .record({
      url: urlOf(hostile, fc.array(surplus, { maxLength: 2 })),
      body:
        schema === undefined
          ? fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, hostileBody)
          : fc.oneof(body, hostileBody),
      type: fc.option(hostileType, { freq: 4 }),
      headers: fc.option(hostileHeaders, { freq: 2 }),
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant(method.toUpperCase()) },
        fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'POST', 'GET'),
      ),
      signedIn: fc.boolean(),
    })
    .map(
      ({ url, body, type, headers, method, signedIn }): Request => ({
        kind: 'http',
        ...{ method, path: url, body, signedIn },
        headers: { ...headersFor(body), ...(type === null ? {} : { 'content-type': type }), ...headers },
      }),
    )
  const raw = fc
    .tuple(fc.constantFrom(...rawRequests), pathOf(fitting))
    .map(([bytes, url]): Request => ({ kind: 'raw', bytes: bytes.replace('PATH', url) }))
  return fc.oneof(
    { weight: 50, arbitrary: valid },
    { weight: 49, arbitrary: odd },
    { weight: 1, arbitrary: raw },
  )
}
