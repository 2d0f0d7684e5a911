// The marketplace of templates. What a template says of itself is read from its content and is its author's word.
import { parseDocument } from 'yaml'
import type { MarketTemplate } from '../ports/market.ts'
import type { Place } from './keyset.ts'

export type TemplateWords = {
  name: string | null
  description: string | null
  category: string | null
  tags: string[]
}
export type ListedTemplate = MarketTemplate & { words: TemplateWords }

export type TemplateFilter = {
  category?: string | undefined
  tags?: readonly string[] | undefined
  gpu?: boolean | undefined
  author?: string | undefined
  maxFee?: bigint | undefined
}
export type TemplateOrder = 'newest' | 'popular' | 'rating' | 'slug'

const NO_WORDS: TemplateWords = { name: null, description: null, category: null, tags: [] }
const LONGEST_CONTENT = 65_536
const LONGEST = { name: 100, description: 1_000, category: 40, tag: 31 } as const
const MOST_TAGS = 32
const FEATURED = 10

const textIn = (value: unknown, longest: number): string | null =>
  typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, longest) : null

/** @param content a template's YAML, or `null`; anything that is not a mapping says nothing. */
export const wordsIn = (content: string | null): TemplateWords => {
  if (content === null || content.length > LONGEST_CONTENT) return NO_WORDS
  // Aliases would let a few bytes grow without bound.
  const document = parseDocument(content, { logLevel: 'silent' })
  if (document.errors.length > 0) return NO_WORDS
  let said: unknown
  try {
    said = document.toJS({ maxAliasCount: 0 })
  } catch {
    // An alias, or a tag that has no value: it says nothing that can be shown.
    return NO_WORDS
  }
  if (typeof said !== 'object' || said === null) return NO_WORDS
  const { name, description, category, tags } = said as Record<string, unknown>
  return {
    name: textIn(name, LONGEST.name),
    description: textIn(description, LONGEST.description),
    category: textIn(category, LONGEST.category)?.toLowerCase() ?? null,
    tags: (Array.isArray(tags) ? tags : [])
      .slice(0, MOST_TAGS)
      .map((tag) => textIn(tag, LONGEST.tag)?.toLowerCase())
      .filter((tag) => tag !== undefined),
  }
}

export const matches = ({ latest, author, words }: ListedTemplate, filter: TemplateFilter): boolean =>
  (filter.category === undefined || words.category === filter.category.toLowerCase()) &&
  (filter.tags === undefined || filter.tags.every((tag) => words.tags.includes(tag))) &&
  (filter.gpu === undefined || (latest?.minimum.gpus ?? 0) > 0 === filter.gpu) &&
  (filter.author === undefined || author.toLowerCase() === filter.author.toLowerCase()) &&
  (filter.maxFee === undefined || (latest !== null && latest.fee <= filter.maxFee))

const RATING_SCALE = 10_000n
/** A slug has at most 40 characters of ASCII: as a number it sorts as it does as text. */
const SLUG_BYTES = 40
const slugRank = (slug: string) => BigInt(`0x${Buffer.from(slug.padEnd(SLUG_BYTES, '\0')).toString('hex')}`)

const RANK: Readonly<Record<TemplateOrder, (template: ListedTemplate) => bigint>> = {
  newest: ({ createdAt }) => -BigInt(createdAt),
  popular: ({ deployed }) => -BigInt(deployed),
  rating: ({ rating }) => (rating.count === 0n ? 1n : -((rating.sum * RATING_SCALE) / rating.count)),
  slug: ({ slug }) => slugRank(slug),
}

export const placeIn =
  (order: TemplateOrder) =>
  (template: ListedTemplate): Place => ({ rank: RANK[order](template), id: template.template })

/** Not archived, with a version that can be deployed; most deployed first, then best rated. */
export const featured = (templates: readonly ListedTemplate[]): ListedTemplate[] =>
  templates
    .filter(({ archived, latest }) => !archived && latest !== null && !latest.archived)
    .sort(
      (a, b) => b.deployed - a.deployed || Number(RANK.rating(a) - RANK.rating(b)) || a.template - b.template,
    )
    .slice(0, FEATURED)
