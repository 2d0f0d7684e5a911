// Cursors: opaque to clients, the place of the last row of the page.
import { DecloudError } from '@decloud/protocol'

export type Place = readonly (string | number)[]

export const cursorOf = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url')

/** @param shape one letter a part: `n` a whole number, `s` a text. @throws DecloudError `cursor-invalid`. */
export const placeOf = (cursor: string, shape: string): Place => {
  const place = parsed(cursor)
  const fits =
    Array.isArray(place) &&
    place.length === shape.length &&
    place.every((part, i) => (shape[i] === 'n' ? Number.isSafeInteger(part) : typeof part === 'string'))
  // Every part was just looked at.
  if (fits) return place as Place
  throw new DecloudError('cursor-invalid', 'The cursor is not one of ours.', {
    hint: 'Use `next` of the page before, or leave it out.',
  })
}

const parsed = (cursor: string): unknown => {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    // Not JSON: refused like any other cursor that is not ours.
    return null
  }
}

/** @param rows one more than `limit` when there are more. */
export const pageOf = <row>(rows: readonly row[], limit: number, placeOfRow: (row: row) => Place) => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { rows: page, next: rows.length > limit && last !== undefined ? cursorOf(placeOfRow(last)) : null }
}
