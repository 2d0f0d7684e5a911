// An example for a JSON schema: what the schema itself gives, else the smallest thing that fits.

export type JsonSchema = {
  type?: string | string[]
  examples?: readonly unknown[]
  default?: unknown
  const?: unknown
  enum?: readonly unknown[]
  anyOf?: readonly JsonSchema[]
  oneOf?: readonly JsonSchema[]
  allOf?: readonly JsonSchema[]
  properties?: Readonly<Record<string, JsonSchema>>
  required?: readonly string[]
  items?: JsonSchema
  minimum?: number
  minLength?: number
  pattern?: string
  $ref?: string
}

const WORD = 'text'

/** Words for the patterns that the wire schemas use; the rest fits plain text. */
const BY_PATTERN: readonly [RegExp, string][] = [
  [/a-z0-9-/, 'debian'],
  [/0x.*16/, '0x0000000000000000'],
  [/\\d/, '1'],
  [/0x/, '0x'],
]

const textOf = ({ pattern, minLength = 0 }: JsonSchema): string => {
  const known = pattern === undefined ? undefined : BY_PATTERN.find(([like]) => like.test(pattern))?.[1]
  return known ?? WORD.padEnd(minLength, '.')
}

export const exampleOf = (schema: JsonSchema): unknown => {
  if (schema.examples?.[0] !== undefined) return schema.examples[0]
  if (schema.default !== undefined) return schema.default
  if (schema.const !== undefined) return schema.const
  if (schema.enum?.[0] !== undefined) return schema.enum[0]
  const option = schema.anyOf?.[0] ?? schema.oneOf?.[0] ?? schema.allOf?.[0]
  if (option !== undefined) return exampleOf(option)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {})
          .filter(([name]) => schema.required?.includes(name) === true)
          .map(([name, property]) => [name, exampleOf(property)]),
      )
    case 'array':
      return schema.items === undefined ? [] : [exampleOf(schema.items)]
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, 1)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return textOf(schema)
  }
}
