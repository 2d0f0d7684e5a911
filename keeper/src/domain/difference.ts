// The ledger against contract storage, field by field. Empty when the keeper sees the world as it is.

export type Difference = {
  entity: 'lease' | 'node' | 'account' | 'earned' | 'policy'
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
const same = (a: string, b: string) => a === b || (a.startsWith('0x') && a.toLowerCase() === b.toLowerCase())

type Keyed = Readonly<Record<string, unknown>>

/** Compares the fields that `chain` has; what only the logs carry (an endpoint, terms) has no counterpart there. */
const compare = (entity: Difference['entity'], id: string, ledger: Keyed, chain: Keyed): Difference[] =>
  Object.entries(chain).flatMap(([field, value]) => {
    const ours =
      isRecord(ledger[field]) && isRecord(value) ? pick(ledger[field], Object.keys(value)) : ledger[field]
    const [a, b] = [text(ours), text(value)]
    return same(a, b) ? [] : [{ entity, id, field, ledger: a, chain: b }]
  })

const isRecord = (value: unknown): value is Keyed =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const pick = (value: Keyed, keys: readonly string[]) =>
  Object.fromEntries(keys.map((key) => [key, value[key]]))

/**
 * Two-way difference of one kind of entity.
 * @param isAbsent whether the chain's answer means that it does not know the entity.
 */
export const differences = <ledger extends Keyed, chain extends Keyed>(
  entity: Difference['entity'],
  keyOf: (item: ledger | chain) => string,
  ours: readonly ledger[],
  theirs: readonly chain[],
  isAbsent: (item: chain) => boolean = () => false,
): Difference[] => {
  const known = new Map(ours.map((item) => [keyOf(item), item]))
  const there = new Map(theirs.map((item) => [keyOf(item), item]))
  const missing = (id: string, ledger: string, chain: string) => ({ entity, id, field: '*', ledger, chain })
  return [...new Set([...known.keys(), ...there.keys()])].flatMap((id) => {
    const a = known.get(id)
    const b = there.get(id)
    if (b === undefined || isAbsent(b)) return a === undefined ? [] : [missing(id, 'present', 'absent')]
    if (a === undefined) return [missing(id, 'absent', 'present')]
    return compare(entity, id, a, b)
  })
}
