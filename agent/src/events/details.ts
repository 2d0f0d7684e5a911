// Whatever a caller hands over → a short line of JSON that holds no secret.
import { sentenceOf } from '@decloud/protocol'

const MOST_DETAILS = 4_096
const MOST_DEPTH = 4
const SECRET =
  /pass(word|phrase)|secret|token|private|sealing|keystore|manifest|userdata|authorization|cookie/i

const plain = (value: unknown, depth: number): unknown => {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Error) return sentenceOf(value)
  if (typeof value === 'function' || typeof value === 'symbol' || value === undefined) return null
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '…'
  if (Array.isArray(value)) return value.map((part) => plain(part, depth - 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      SECRET.test(name) ? '[secret]' : plain(part, depth - 1),
    ]),
  )
}

/** @returns at most MOST_DETAILS characters; an object too large is replaced by one that says so. */
export const detailsText = (details: Readonly<Record<string, unknown>>): string => {
  const text = JSON.stringify(plain(details, MOST_DEPTH))
  return text.length <= MOST_DETAILS ? text : JSON.stringify({ tooLong: text.length })
}
