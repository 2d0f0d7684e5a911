// What was found out, or why it was not: in one place, so that nobody puts a guess between the two.
import type { Known } from '@decloud/protocol/wire/facts'

const MAX_REASON = 200

export const value = <result>(result: result): Known<result> => ({ value: result })

/** @param reason one sentence; the rest of a long one is cut off. */
export const unknown = (reason: string): { unknown: string } => ({
  unknown: reason.replace(/\s+/g, ' ').trim().slice(0, MAX_REASON) || 'No reason was given.',
})

export const mapKnown = <from, to>(known: Known<from>, change: (from: from) => Known<to>): Known<to> =>
  'value' in known ? change(known.value) : known
