/** Blocks of one request for logs: more while it goes well, less when an RPC refuses. */
export const makeSpan = (first: bigint, most: bigint) => {
  let size = first
  return {
    size: () => size,
    /** @param logs how many came: a range that is full of them is wide enough. */
    widen: (logs: number) => {
      if (logs < 5_000) size = size * 2n < most ? size * 2n : most
    },
    /** @returns whether there is less to ask for. */
    narrow: (): boolean => {
      if (size === 1n) return false
      size = size / 2n
      return true
    },
  }
}
