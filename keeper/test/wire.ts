/** Amounts travel as decimal text. */
export const toJsonText = (body: object): string =>
  JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
