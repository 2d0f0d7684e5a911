// RFC 9110, section 14: one range of bytes. Several at once, or another unit, are served as the whole, as it allows.
import { filesError } from '../sftp/errors.ts'

export type ByteRange = { readonly from: number; readonly to: number }

/**
 * @param header of the request. @param size of the file.
 * @returns `to` is the byte after the last; null for the whole. @throws AgentError `range-not-satisfiable`.
 */
export const rangeOf = (header: string | undefined, size: number): ByteRange | null => {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return null
  // A range that ends before it begins is no range at all.
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const to = first === '' || last === '' ? size : Math.min(Number(last) + 1, size)
  if (from >= size || from >= to) {
    throw filesError('range-not-satisfiable', `The file has ${size} bytes: the range is beyond its end.`)
  }
  return { from, to }
}
