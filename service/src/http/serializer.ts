// zod schemas → compiled serialisers. Only what a schema names can leave the process, and bigint leaves as text.
import fastJson from 'fast-json-stringify'
import { z } from 'zod'

type Json = { [key: string]: unknown }

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * `anyOf [X, null]`, as zod writes what may be null, as `nullable: true`: the serialiser would otherwise validate every
 * value against both. Patterns and lengths are for readers of the document, not for a serialiser.
 */
const simplify = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(simplify)
  if (!isRecord(schema)) return schema
  const { pattern: _, minLength: __, maxLength: ___, examples: ____, $schema: _____, ...rest } = schema
  const options = rest['anyOf']
  if (Array.isArray(options) && options.length === 2) {
    const some = options.filter((option: Json) => option['type'] !== 'null')
    const [only] = some
    if (some.length === 1 && isRecord(only)) {
      const { anyOf: ______, ...around } = rest
      const { enum: words, ...simple } = simplify(only) as Json
      // Where one of several shapes has to be found, a list of words without null would refuse null.
      const listed = Array.isArray(words) ? { enum: [...words, null] } : {}
      return { ...around, ...simple, ...listed, nullable: true }
    }
  }
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, simplify(value)]))
}

/** @returns JSON text of a decoded value (bigint and all); throws on one that lacks a required field. */
export const compileAnswer = <schema extends z.ZodType>(
  schema: schema,
): ((value: z.output<schema>) => string) => {
  const json = z.toJSONSchema(schema, { target: 'draft-7', io: 'input', reused: 'inline' })
  const stringify = fastJson(simplify(json) as Parameters<typeof fastJson>[0], {
    largeArrayMechanism: 'default',
  })
  return (value) => stringify(value)
}
