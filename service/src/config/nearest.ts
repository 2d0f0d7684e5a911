/** Edits (insert, delete, replace, swap of neighbours) between two words. */
const distance = (a: string, b: string): number => {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, rows[i - 2]![j - 2]! + 1)
      }
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}

/**
 * The word that was most likely meant, if any is near enough to be said.
 * @param most edits; by default two, and more in a longer word, of which a beginning will do too.
 */
export const nearest = (word: string, words: readonly string[], most?: number): string | undefined => {
  const longer = words.filter((one) => word.length > 3 && one.toLowerCase().startsWith(word.toLowerCase()))
  if (longer.length === 1 && most === undefined) return longer[0]
  const scored = words
    .map((one) => ({ one, edits: distance(word.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)
  const best = scored[0]
  return best !== undefined && best.edits <= (most ?? Math.max(2, Math.floor(word.length / 4)))
    ? best.one
    : undefined
}
