// Names of the outside world → raw values. Nothing is checked here but the names themselves.
import type { Field } from './shape.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const screaming = (key: string) => key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()

/**
 * `sponsor.perAddressCount` → `PREFIX_SPONSOR_PER_ADDRESS_COUNT`.
 * @param names those that were there before names were derived: environment variable by configuration key.
 */
export const makeEnvironmentName =
  (prefix: string, names: Readonly<Record<string, string>>) =>
  (path: readonly string[]): string =>
    names[path.join('.')] ?? `${prefix}${path.map(screaming).join('_')}`

/** How a person types a value, in a variable or after a flag → the raw value as a file would hold it. */
const decode = ({ decode }: Field, text: string): unknown => {
  if (decode === 'list') {
    return text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '')
  }
  // What is not of its kind stays text: the schema says so, with the name and the rest of the errors.
  if (decode === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
  if (decode === 'flag') return text === 'true' ? true : text === 'false' ? false : text
  if (decode === 'json') return jsonOf(text)
  return text
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export type TextsRead = {
  /** Nested as in a file. */
  raw: Record<string, unknown>
  /** Keys that were given. */
  keys: ReadonlySet<string>
}

/** @param textOf what was typed for a key; an empty text counts as none. */
export const readTexts = (
  fields: readonly Field[],
  textOf: (field: Field) => string | undefined,
): TextsRead => {
  const raw: Record<string, unknown> = {}
  const keys = new Set<string>()
  for (const field of fields) {
    const text = textOf(field)
    if (text === undefined || text === '') continue
    keys.add(field.key)
    put(raw, field.path, decode(field, text))
  }
  return { raw, keys }
}

const put = (into: Record<string, unknown>, [first, ...rest]: readonly string[], value: unknown) => {
  if (first === undefined) return
  if (rest.length === 0) {
    into[first] = value
    return
  }
  const inner: Record<string, unknown> = {}
  into[first] ??= inner
  // Only this function made it, as an object.
  put(into[first] as Record<string, unknown>, rest, value)
}
