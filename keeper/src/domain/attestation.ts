// What an attester posts for a day, packed as Reputation.sol reads it: sixteen nodes a word, node n in lane n % 16 of
// group n / 16, from the lowest bits up; a lane holds missed beats + 1, and 0 for unknown.
const NODES_PER_WORD = 16
const LANE_BITS = 16n
const LANE_MASK = (1n << LANE_BITS) - 1n

/** Word by group. */
export type Words = ReadonlyMap<number, bigint>
/** Consecutive words, the first of them of group `firstGroup`. */
export type Run = { firstGroup: number; words: bigint[] }

/** @param missed beats by node; a node that nothing is known of is not in it. */
export const packWords = (missed: ReadonlyMap<number, number>): Words => {
  const words = new Map<number, bigint>()
  for (const [node, beats] of missed) {
    const group = Math.floor(node / NODES_PER_WORD)
    const lane = BigInt(beats + 1) << (BigInt(node % NODES_PER_WORD) * LANE_BITS)
    words.set(group, (words.get(group) ?? 0n) | lane)
  }
  return words
}

/** Ours, and where we know nothing what was posted before: a keeper that lost its books takes nothing back. */
export const mergeWord = (ours: bigint, posted: bigint): bigint => {
  let merged = 0n
  for (let lane = 0n; lane < 16n; lane++) {
    const shift = lane * LANE_BITS
    const own = (ours >> shift) & LANE_MASK
    merged |= (own === 0n ? (posted >> shift) & LANE_MASK : own) << shift
  }
  return merged
}

/** Equal words between two that change are cheaper to write again (2,600 gas each) than a second transaction is. */
const BRIDGE = 6

/** @returns what has to be posted, in as few calls as may be, none longer than `maxWords`. */
export const runsToPost = (ours: Words, posted: Words, maxWords: number): Run[] => {
  const wanted = new Map(
    [...ours].map(([group, word]) => [group, mergeWord(word, posted.get(group) ?? 0n)] as const),
  )
  const changed = [...wanted.keys()]
    .filter((group) => wanted.get(group) !== (posted.get(group) ?? 0n))
    .sort((a, b) => a - b)
  const wordAt = (group: number) => wanted.get(group) ?? posted.get(group) ?? 0n
  const runs: Run[] = []
  for (const group of changed) {
    const run = runs.at(-1)
    const next = run === undefined ? Number.NaN : run.firstGroup + run.words.length
    const gap = group - next
    if (run !== undefined && gap <= BRIDGE && run.words.length + gap < maxWords) {
      for (let at = next; at <= group; at++) run.words.push(wordAt(at))
    } else {
      runs.push({ firstGroup: group, words: [wordAt(group)] })
    }
  }
  return runs
}
