// RFC 4180. Spreadsheets run a field that begins like a formula, quoted or not: such text gets an apostrophe in front.
const FORMULA = /^[=+\-@\t\r\n]/
const QUOTED = /[",\r\n]/

const fieldOf = (value: string | number | bigint | null): string => {
  if (value === null) return ''
  if (typeof value !== 'string') return String(value)
  const safe = FORMULA.test(value) ? `'${value}` : value
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** One record, with its line end. */
export const csvRow = (fields: readonly (string | number | bigint | null)[]): string =>
  `${fields.map(fieldOf).join(',')}\r\n`
