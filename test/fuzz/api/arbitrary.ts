// JSON schema → values that fit it, the bounds among them.
import fc from 'fast-check'

export type Schema = {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  minItems?: number
  maxItems?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  minimum?: number
  maximum?: number
}

const MOST_ITEMS = 6
const LONGEST = 2_000

/** Of every plane and width, and of what a parser or a search might trip over. */
const CHARACTERS = [
  ...'abcXYZ019 -_.,:;\'"`*()[]{}<>/\\|&%$#@!?^~+=äßЖ日本語🙂\u0000\u001f\u007f\u200b\u202e\ufeff',
]

const words = (least: number, most: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...CHARACTERS), { minLength: least, maxLength: most })
    .map((characters) => characters.join('').slice(0, most))

const texts = ({ pattern, minLength = 0, maxLength = LONGEST }: Schema): fc.Arbitrary<string> => {
  const longest = Math.min(maxLength, LONGEST)
  if (pattern !== undefined) {
    return fc
      .stringMatching(new RegExp(pattern), { size: 'small' })
      .filter((text) => text.length >= minLength && text.length <= maxLength)
  }
  const filled = (length: number) => fc.constant('x'.repeat(length))
  return fc.oneof(words(minLength, Math.min(longest, minLength + 30)), filled(minLength), filled(longest))
}

const integers = ({ minimum = -(2 ** 53) + 1, maximum = 2 ** 53 - 1 }: Schema) =>
  fc.oneof(
    fc.integer({ min: Math.max(minimum, -(2 ** 31)), max: Math.min(maximum, 2 ** 31 - 1) }),
    fc.constantFrom(minimum, maximum),
  )

const objects = (schema: Schema): fc.Arbitrary<unknown> => {
  const entries = Object.entries(schema.properties ?? {})
  const record = Object.fromEntries(entries.map(([name, property]) => [name, fittingValue(property)]))
  const required = schema.required ?? []
  return fc.record(record, { requiredKeys: required as never[] })
}

/** @throws TypeError for a schema of a kind that no route has yet: then it is to be taught here. */
export const fittingValue = (schema: Schema): fc.Arbitrary<unknown> => {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) return fc.oneof(...options.map(fittingValue))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'string':
      return texts(schema)
    case 'integer':
      return integers(schema)
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array': {
      const maxLength = Math.min(schema.maxItems ?? MOST_ITEMS, MOST_ITEMS)
      return fc.array(fittingValue(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength })
    }
    case 'object':
      return objects(schema)
    case undefined:
      return fc.jsonValue()
    default:
      throw new TypeError(`No values are known for a schema of type ${type}.`)
  }
}
