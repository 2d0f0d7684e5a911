/** Bytes by which the heap may differ: caches fill up to their bounds, and code is compiled. */
export const MOST_GROWTH = 40_000_000

const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length

/** @returns bytes by which the last quarter of the measurements lies above the first. */
export const growthOf = (heap: readonly number[]): number => {
  const quarter = Math.ceil(heap.length / 4)
  return heap.length === 0 ? 0 : mean(heap.slice(-quarter)) - mean(heap.slice(0, quarter))
}
