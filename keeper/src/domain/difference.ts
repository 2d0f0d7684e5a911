// The tables against contract storage, field by field. Empty when the keeper sees the world as it is.
import type { Entity, Fields, Question } from './question.ts'

export type Difference = {
  entity: Entity
  id: string
  field: string
  /** As text; `absent` where one side does not know the entity at all. */
  ledger: string
  chain: string
}

const text = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))
    : String(value)

// Addresses and hashes are compared as values, not as spellings.
const same = (a: string, b: string) => a === b || a.toLowerCase() === b.toLowerCase()

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** In the order of `like`: two records with the same fields must read the same. */
const inOrderOf = (like: unknown, value: unknown): unknown =>
  isRecord(like) && isRecord(value)
    ? Object.fromEntries(Object.keys(like).map((key) => [key, inOrderOf(like[key], value[key])]))
    : value

/** @param answer of the question's view, in its own words. */
export const differencesIn = (question: Question, answer: Fields): Difference[] => {
  const { entity, id, expected, read = (fields) => fields } = question
  const found = read(answer)
  return Object.entries(expected).flatMap(([field, ours]) => {
    const [ledger, chain] = [text(ours), text(inOrderOf(ours, found[field]))]
    return same(ledger, chain) ? [] : [{ entity, id, field, ledger, chain }]
  })
}
