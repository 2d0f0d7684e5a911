// Pages by the place of their last row, so that rows which come and go between two pages shift nothing.

/** The place of a row in an order: `rank` ascends, ties go by `id`, which no two rows share. */
export type Place = { rank: bigint; id: number }

const byPlace = (a: Place, b: Place): number => (a.rank === b.rank ? a.id - b.id : a.rank < b.rank ? -1 : 1)

/**
 * @param placeOf the order wanted.
 * @param after the place of the last row of the page before.
 * @returns at most `limit` rows, and the place to go on after; `null` on the last page.
 */
export const pageOf = <row>(
  rows: readonly row[],
  placeOf: (row: row) => Place,
  { limit, after }: { limit: number; after: Place | undefined },
): { rows: row[]; next: Place | null } => {
  const placed = rows.map((row) => ({ row, place: placeOf(row) }))
  const left = after === undefined ? placed : placed.filter(({ place }) => byPlace(place, after) > 0)
  left.sort((a, b) => byPlace(a.place, b.place))
  const page = left.slice(0, limit)
  const last = page.at(-1)
  return {
    rows: page.map(({ row }) => row),
    next: left.length > limit && last !== undefined ? last.place : null,
  }
}
