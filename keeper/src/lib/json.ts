// JSON with bigint. A tag object, not a tagged string: text that an operator chose must never turn into a number.
const isTag = (value: unknown): value is { $big: string } =>
  typeof value === 'object' && value !== null && '$big' in value && Object.keys(value).length === 1

export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? { $big: String(v) } : v))

/** @param text written by `toJson` from a `result`. */
export const fromJson = <result>(text: string): result =>
  // Most texts hold no bigint: those need no second walk.
  (text.includes('$big')
    ? JSON.parse(text, (_, v: unknown) => (isTag(v) ? BigInt(v.$big) : v))
    : JSON.parse(text)) as result
