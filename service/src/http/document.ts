// The OpenAPI document: the framework's, with what it cannot know: problems, names of operations, examples.
import { problemSchema } from '@decloud/protocol/wire/api'
import { z } from 'zod'
import { exampleOf, type JsonSchema } from './example.ts'
import { PROBLEM_TYPE, type StatusOf } from './problems.ts'
import type { RouteEntry } from './route-table.ts'
import { TITLES } from './titles.ts'

type Content = Record<string, { schema?: JsonSchema; example?: unknown }>
type Operation = {
  operationId?: string
  parameters?: { name: string; in: string; schema?: JsonSchema; example?: unknown }[]
  requestBody?: { content?: Content; required?: boolean }
  security?: unknown[]
  responses?: Record<string, { description: string; content?: Content; headers?: unknown }>
}
type Document = {
  paths: Record<string, Record<string, Operation>>
  components?: { schemas?: Record<string, unknown> }
}

/** What every route may answer with. */
const EVERYWHERE = ['request-invalid', 'rate-limited', 'url-too-long', 'header-too-large'] as const
const BODIES = ['body-too-large', 'media-type-wrong'] as const
const PRIVATE = ['session-missing', 'session-unknown'] as const

const nameOf = (method: string, path: string): string => {
  const words = path
    .replace(/^\/(?:api\/)?/, '')
    .replace(/\{(\w+)\}/g, 'by-$1')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
  return [method, ...words]
    .map((word, i) => (i === 0 ? word : `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`))
    .join('')
}

const problemAnswers = (codes: Iterable<string>, statusOf: StatusOf): NonNullable<Operation['responses']> => {
  const byStatus = new Map<number, string[]>()
  for (const code of codes) {
    const status = statusOf[code]
    if (status !== undefined) byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [
      String(status),
      {
        description: `${TITLES[status] ?? 'Error'}: ${some.map((code) => `\`${code}\``).join(', ')}`,
        content: {
          [PROBLEM_TYPE]: {
            schema: { $ref: '#/components/schemas/Problem' },
          },
        },
      },
    ]),
  )
}

type Refusals = {
  statusOf: StatusOf
  /** Codes that every GET may answer with, besides those of every route. */
  reads?: readonly string[]
}

const complete = (
  at: { path: string; method: string },
  operation: Operation,
  route: RouteEntry,
  { statusOf, reads = [] }: Refusals,
): Operation => {
  const { path, method } = at
  const codes = new Set<string>([
    ...route.problems,
    ...EVERYWHERE,
    ...(method === 'get' ? reads : []),
    ...(method === 'get' ? [] : BODIES),
    ...(operation.security === undefined ? [] : PRIVATE),
  ])
  const problems = problemAnswers(codes, statusOf)
  // A health answer has a schema of its own for 503.
  const responses = {
    ...problems,
    ...(route.streams === null ? answersOf(route.answers) : streamOf(route.streams)),
  }
  return {
    operationId: nameOf(method, path),
    ...operation,
    ...(operation.requestBody === undefined
      ? {}
      : {
          requestBody: {
            ...operation.requestBody,
            required: true,
            content: withExamples(operation.requestBody.content),
          },
        }),
    responses,
  }
}

const withExamples = (content: Content = {}): Content =>
  Object.fromEntries(
    Object.entries(content).map(([type, { schema, ...rest }]) => [
      type,
      schema === undefined ? rest : { schema, ...rest, example: exampleOf(schema) },
    ]),
  )

/** As it is on the wire: what a codec encodes to, and nothing that the schema does not name. */
const wireSchema = (schema: z.ZodType): JsonSchema => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.type === 'object') jsonSchema.additionalProperties ??= false
      // Bounds that every integer of JavaScript has say nothing.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  })
  return json as JsonSchema
}

const answersOf = (answers: RouteEntry['answers']): NonNullable<Operation['responses']> =>
  Object.fromEntries(
    Object.entries(answers)
      .filter(([status]) => Number(status) < 400 || status === '503')
      .map(([status, answer]) => {
        const description = DESCRIPTIONS[status] ?? TITLES[Number(status)] ?? 'Done'
        if (status === '204') return [status, { description }]
        const schema = wireSchema(answer)
        return [
          status,
          { description, content: { 'application/json': { schema, example: exampleOf(schema) } } },
        ]
      }),
  )

const EXAMPLE = {
  ...{ type: 'about:blank', title: 'Not found', status: 404, code: 'node-unknown' },
  detail: 'There is no node 77.',
}

const DESCRIPTIONS: Readonly<Record<string, string>> = { 200: 'OK', 202: 'Accepted', 204: 'Done' }

const streamOf = ({ type, description }: NonNullable<RouteEntry['streams']>): Operation['responses'] => ({
  200: { description, content: { [type]: { schema: { type: 'string' } } } },
})

/** @param framework the document as the framework makes it. @param routes all that were registered. */
export const documentOf = (
  framework: unknown,
  routes: readonly RouteEntry[],
  refusals: Refusals,
): Document => {
  // A plain copy: the framework keeps its own.
  const document = structuredClone(framework) as Document
  const registered = new Map(
    routes.map((route) => [
      `${route.method.toLowerCase()} ${route.url.replace(/:([A-Za-z]+)/g, '{$1}')}`,
      route,
    ]),
  )
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const route = registered.get(`${method} ${path}`)
      if (route !== undefined) item[method] = complete({ path, method }, operation, route, refusals)
    }
  }
  document.components = {
    ...document.components,
    schemas: {
      ...document.components?.schemas,
      Problem: { ...wireSchema(problemSchema), examples: [EXAMPLE] },
    },
  }
  return document
}
