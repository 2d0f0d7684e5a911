// Reviews and their sums, and what attesters say of each day.
import type { Deployment } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Address, type Hex, zeroAddress } from 'viem'
import { type Rating, type ReviewView, ratingAfter, reviewIn } from '../../../domain/review.ts'
import { amount, type Columns, height, integer, json, makeTable, text } from '../table.ts'
import type { Entity } from './entity.ts'
import { addressWord, numberWord } from './words.ts'

type Kind = ReviewView['kind']

const REVIEW_COLUMNS: Columns<ReviewView> = {
  leaseId: ['lease_id', text<Hex>()],
  kind: ['kind', text<Kind>()],
  subject: ['subject', integer],
  version: ['version', integer],
  author: ['author', text<Address>()],
  stars: ['stars', integer],
  title: ['title', text()],
  comment: ['comment', text()],
  block: ['block', height],
  at: ['at', integer],
}

export const reviewTable = (db: Database) =>
  makeTable(db, { name: 'reviews', key: ['leaseId', 'kind'], columns: REVIEW_COLUMNS })

const parts = <a extends string, b extends string>(key: string) => key.split(' ') as [a, b]

export const reviewEntity = (db: Database, { reviews: contract }: Deployment): Entity<string, ReviewView> => {
  const reviews = reviewTable(db)
  return {
    contracts: ['Reviews'],
    keyOf: (event) =>
      event.contract === 'Reviews'
        ? `${event.args.leaseId} ${event.name === 'NodeReviewed' ? 'node' : 'template'}`
        : undefined,
    logs: (key) => ({ address: contract ?? zeroAddress, topic1: parts<Hex, Kind>(key)[0] }),
    apply: (view, event) => (event.contract === 'Reviews' ? reviewIn(event) : view),
    load: (key) => reviews.get(...parts(key)),
    save: (key, _, after) => {
      if (after === undefined) reviews.drop(...parts(key))
      else reviews.put(after)
    },
  }
}

const RATING_COLUMNS: Columns<Rating & { kind: Kind; subject: number }> = {
  kind: ['kind', text<Kind>()],
  subject: ['subject', integer],
  sum: ['sum', amount],
  count: ['count', amount],
}

const ratingTable = (db: Database) =>
  makeTable(db, { name: 'ratings', key: ['kind', 'subject'], columns: RATING_COLUMNS })

/** Of a node or a template; `undefined` where nobody has reviewed it. */
export const ratingReader = (db: Database) => {
  const ratings = ratingTable(db)
  return (kind: Kind, subject: number): Rating | undefined => {
    const row = ratings.get(kind, subject)
    return row && { sum: row.sum, count: row.count }
  }
}

export const ratingEntity = (db: Database, { reviews }: Deployment): Entity<string, Rating> => {
  const ratings = ratingTable(db)
  const keyParts = (key: string): [Kind, number] => {
    const [kind, subject] = parts<Kind, string>(key)
    return [kind, Number(subject)]
  }
  return {
    contracts: ['Reviews'],
    keyOf: (event) => {
      if (event.contract !== 'Reviews') return undefined
      return event.name === 'NodeReviewed' ? `node ${event.args.node}` : `template ${event.args.template}`
    },
    logs: (key) => ({ address: reviews ?? zeroAddress, topic2: numberWord(keyParts(key)[1]) }),
    apply: (rating, event) => (event.contract === 'Reviews' ? ratingAfter(event) : rating),
    load: (key) => ratings.get(...keyParts(key)),
    save: (key, _, after) => {
      const [kind, subject] = keyParts(key)
      if (after === undefined) ratings.drop(kind, subject)
      else ratings.put({ kind, subject, ...after })
    },
  }
}

/** Words by group of sixteen nodes, in the order of the groups. */
export type AttestedDay = { attester: Address; day: number; words: Readonly<Record<number, bigint>> }

const DAY_COLUMNS: Columns<AttestedDay> = {
  attester: ['attester', text<Address>()],
  day: ['day', integer],
  words: ['words', json<AttestedDay['words']>()],
}

export const attestedTable = (db: Database) =>
  makeTable(db, { name: 'attested_days', key: ['attester', 'day'], columns: DAY_COLUMNS })

export const attestedEntity = (db: Database, { reputation }: Deployment): Entity<string, AttestedDay> => {
  const days = attestedTable(db)
  const keyParts = (key: string): [Address, number] => {
    const [attester, day] = parts<Address, string>(key)
    return [attester, Number(day)]
  }
  return {
    contracts: ['Reputation'],
    keyOf: ({ name, args }) => (name === 'Attested' ? `${args.attester} ${args.day}` : undefined),
    logs: (key) => ({
      address: reputation ?? zeroAddress,
      topic1: addressWord(keyParts(key)[0]),
      topic2: numberWord(keyParts(key)[1]),
    }),
    apply: (view, event) => {
      if (event.name !== 'Attested') return view
      const { attester, day, firstGroup, words } = event.args
      const said = Object.fromEntries(words.map((word, i) => [firstGroup + i, word]))
      return { attester, day, words: { ...view?.words, ...said } }
    },
    load: (key) => days.get(...keyParts(key)),
    save: (key, _, after) => {
      if (after === undefined) days.drop(...keyParts(key))
      else days.put(after)
    },
  }
}
