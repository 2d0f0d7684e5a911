// The `id` of a live event: its place, and the newest finalized place known then. When the first was reorganised away, the
// second still stands, and a listener goes on from there.
import type { Position } from '@decloud/chain'

export type LiveCursor = { at: Position; anchor: Position | null }

const ONE = /^(\d{1,15})\.(\d{1,9})\.([0-9a-f]{16})$/

const write = ({ height, logIndex, block }: Position) => `${height}.${logIndex}.${block}`

const read = (text: string): Position | null => {
  const match = ONE.exec(text)
  return match === null
    ? null
    : { height: Number(match[1]), logIndex: Number(match[2]), block: match[3] ?? '' }
}

export const writeLiveCursor = ({ at, anchor }: LiveCursor): string =>
  anchor === null ? write(at) : `${write(at)}-${write(anchor)}`

/** @returns `null` for text that is none of ours. */
export const readLiveCursor = (text: string): LiveCursor | null => {
  const [first = '', second, ...more] = text.split('-')
  const at = read(first)
  const anchor = second === undefined ? null : read(second)
  if (at === null || more.length > 0 || (second !== undefined && anchor === null)) return null
  return { at, anchor }
}
