// Rows in the order of what they promise, coarsely: a shelf for each span of it in each region. A search walks down from
// the top and stops where nothing below can win any more, so it looks at few of the nodes however many there are.

/** Points of score that one shelf spans. Narrower stops earlier; wider has fewer empty shelves to pass. */
export const SPAN = 8_192

export const makeShelves = () => {
  /** By region, by ⌊promise ÷ SPAN⌋: rows in no order. */
  const regions: number[][][] = []
  /** By region: no row stands above. */
  const tops: number[] = []
  // Where each row stands.
  const regionOf: number[] = []
  const shelfOf: number[] = []
  const slotOf: number[] = []

  const take = (row: number) => {
    const shelf = regions[regionOf[row]!]![shelfOf[row]!]!
    const last = shelf.pop()!
    const slot = slotOf[row]!
    if (last === row) return
    shelf[slot] = last
    slotOf[last] = slot
  }
  const insert = (row: number, region: number, at: number) => {
    while (regions.length <= region) {
      regions.push([])
      tops.push(-1)
    }
    const shelves = regions[region]!
    while (shelves.length <= at) shelves.push([])
    tops[region] = Math.max(tops[region]!, at)
    regionOf[row] = region
    shelfOf[row] = at
    slotOf[row] = shelves[at]!.push(row) - 1
  }
  return {
    insert: (row: number, region: number, promise: number) => insert(row, region, Math.floor(promise / SPAN)),
    /** The row has another region or promise than before. */
    move: (row: number, region: number, promise: number) => {
      const at = Math.floor(promise / SPAN)
      if (regionOf[row] === region && shelfOf[row] === at) return
      take(row)
      insert(row, region, at)
    },
    /** Takes `row` out; `last`, the highest of all, gets its number. */
    remove: (row: number, last: number) => {
      take(row)
      if (row === last) return
      regionOf[row] = regionOf[last]!
      shelfOf[row] = shelfOf[last]!
      slotOf[row] = slotOf[last]!
      regions[regionOf[row]!]![shelfOf[row]!]![slotOf[row]!] = row
    },
    of: (region: number): readonly (readonly number[])[] => regions[region] ?? [],
    /** The highest shelf of a region with anything on it, −1 for none. */
    top: (region: number): number => {
      // Named, but never with a node on a shelf. Written here, it would stand in the way of the one that comes.
      if (region >= regions.length) return -1
      let top = tops[region]!
      while (top >= 0 && regions[region]![top]!.length === 0) top -= 1
      tops[region] = top
      return top
    },
  }
}
