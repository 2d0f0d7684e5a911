// The last thing between a text and the outside: known secrets are cut out by value, credentials also by their shape.
const REDACTED = '[redacted]'
// Shorter ones are no secrets worth the name, and cutting them out would make holes everywhere.
const SHORTEST = 6
const SHAPES: readonly [RegExp, string][] = [
  [/\b(https?|wss?):\/\/[^\s/@"']+@/gi, `$1://${REDACTED}@`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  // Tokens and tickets of ours; hashes of crypt(3); private keys in PEM and OpenSSH's own armour, in JSON or not.
  [/\bdc[a-z]_[\w-]{20,}/g, REDACTED],
  [/\$(?:[1256y]|2[aby]|gy|7)\$[\w./$=,-]{8,}/g, REDACTED],
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----/gs, REDACTED],
]

/** The forms that one secret takes in JSON, in URLs and in viem's errors. */
const formsOf = (secret: string): string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  secret.toLowerCase(),
]

export type Scrub = (text: string) => string

/** @param secrets whole values: keys, passwords, tokens. */
export const makeScrub = (secrets: readonly string[]): Scrub => {
  // The longest first: a URL goes as one, not in pieces.
  const forms = [...new Set(secrets.flatMap(formsOf))]
    .filter((form) => form.length >= SHORTEST)
    .sort((a, b) => b.length - a.length)
  return (text) => {
    let clean = text
    for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, REDACTED)
    for (const [shape, instead] of SHAPES) clean = clean.replace(shape, instead)
    return clean
  }
}

/** What is secret in an RPC URL: its credentials and, as many providers put keys there, its path and query. */
export const secretsOfUrl = (url: string): string[] => {
  const parsed = URL.parse(url)
  if (parsed === null) return [url]
  const { username, password, pathname, search, searchParams } = parsed
  const rest = `${pathname}${search}`
  if (rest === '/' && username === '' && password === '') return []
  const parts = pathname.split('/').filter((part) => part.length >= 12)
  const own = rest === '/' ? [] : [url, parsed.href, ...(rest.length >= 12 ? [rest] : [])]
  return [...own, username, password, ...parts, ...searchParams.values()]
}
