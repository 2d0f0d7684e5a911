// The schema, walked: which keys there are, what each is called in the environment, and what it takes, in words.
import { z } from 'zod'

type AnySchema = z.core.$ZodType

export type Field = {
  path: readonly string[]
  /** The path with dots, as errors and people name it. */
  key: string
  env: string
  /** How the text of an environment variable becomes the raw value. */
  decode: 'text' | 'number' | 'flag' | 'list' | 'json'
  /** What it takes: "a whole number from 0 to 65535". */
  wants: string
  /** As a file would hold it; `undefined` when there is none and the key may be left out, or must be given. */
  fallback: unknown
  required: boolean
  about: string
  /** Never shown: it holds a credential, or may. */
  secret: boolean
}

type Facts = Pick<Field, 'fallback' | 'required' | 'about' | 'secret'> & {
  core: AnySchema
  /** In words, where the schema cannot tell. */
  own: string
}

// What was written as `.describe()` or `.meta()` on any layer of one key.
const metaOf = (schema: AnySchema) => z.globalRegistry.get(schema) ?? {}

/** Takes default, optional and transforming layers off, and notes what they say. */
const unwrap = (schema: AnySchema): Facts => {
  const facts: Facts = {
    core: schema,
    fallback: undefined,
    required: true,
    about: '',
    secret: false,
    own: '',
  }
  for (;;) {
    const { description, secret, wants } = metaOf(facts.core)
    if (typeof wants === 'string') facts.own ||= wants
    facts.about ||= description ?? ''
    facts.secret ||= secret === true
    // zod's own union of all definitions: each layer is told by its `type`.
    const { def } = (facts.core as z.core.$ZodTypes)._zod
    if (def.type === 'default' || def.type === 'prefault') {
      facts.fallback ??= def.defaultValue
      facts.required = false
      facts.core = def.innerType
    } else if (def.type === 'optional' || def.type === 'nullable') {
      facts.required = false
      facts.core = def.innerType
    } else if (def.type === 'pipe') facts.core = def.in
    else return facts
  }
}

/**
 * @param environmentName of a path; the keys of the schema in camel case.
 * @param whole keys that are objects to the schema and one value to people.
 */
export const fieldsOf = (
  schema: AnySchema,
  environmentName: (path: readonly string[]) => string,
  whole: Readonly<Record<string, string>> = {},
  path: readonly string[] = [],
): Field[] => {
  const { core, own, ...facts } = unwrap(schema)
  const key = path.join('.')
  if (core instanceof z.ZodObject && whole[key] === undefined) {
    return Object.entries(core.shape).flatMap(([name, inner]) =>
      fieldsOf(inner, environmentName, whole, [...path, name]),
    )
  }
  const { decode, wants } = kindOf(core)
  return [{ path, key, env: environmentName(path), decode, wants: whole[key] ?? (own || wants), ...facts }]
}

type Json = z.core.JSONSchema.JSONSchema

const kindOf = (core: AnySchema): Pick<Field, 'decode' | 'wants'> => {
  const { def } = (core as z.core.$ZodTypes)._zod
  const json = z.toJSONSchema(core, { io: 'output', unrepresentable: 'any' })
  switch (def.type) {
    case 'number':
      return { decode: 'number', wants: numberWords(json) }
    case 'boolean':
    case 'union':
      return { decode: def.type === 'union' ? 'text' : 'flag', wants: unionWords(def) }
    case 'enum':
      return { decode: 'text', wants: `one of ${(json.enum ?? []).join(', ')}` }
    case 'array':
      return { decode: 'list', wants: `a list (separated by commas) of ${kindOf(def.element).wants}` }
    case 'object':
    case 'record':
      return { decode: 'json', wants: 'a JSON object' }
    default:
      return { decode: 'text', wants: textWords(json) }
  }
}

const unionWords = (def: z.core.$ZodTypes['_zod']['def']) =>
  def.type === 'boolean' || (def.type === 'union' && def.options.some((one) => one instanceof z.ZodBoolean))
    ? 'true or false'
    : 'a value'

const numberWords = (json: Json) => {
  const noun = json.type === 'integer' ? 'a whole number' : 'a number'
  const { minimum, exclusiveMinimum, maximum } = json
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum
  const least =
    exclusiveMinimum !== undefined
      ? `above ${exclusiveMinimum}`
      : minimum === undefined || minimum === Number.MIN_SAFE_INTEGER
        ? undefined
        : `from ${minimum}`
  return [noun, least, most === undefined ? undefined : least === undefined ? `up to ${most}` : `to ${most}`]
    .filter((word) => word !== undefined)
    .join(' ')
}

const textWords = (json: Json) => {
  if (json.format === 'uri') return 'a URL'
  const least = json.minLength ?? 0
  return least === 0 ? 'text' : least === 1 ? 'text that is not empty' : `text of ${least} characters or more`
}
