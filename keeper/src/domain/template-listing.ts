// The marketplace of templates. What a template says of itself is read from its content and is its author's word. Anybody
// may publish anything, and every keeper reads it: what it costs is bounded, whatever it is.
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
/** Bytes of a template that is listed by what it says. */
export const LONGEST_LISTED = 65_536
/** Characters of an entry that are parsed: the longest description, however it is spelled. YAML takes its time. */
const LONGEST_ENTRY = 4_096
const LONGEST = { name: 100, description: 1_000, category: 40, tag: 31 } as const
const MOST_TAGS = 32
const FEATURED = 10

const textIn = (value: unknown, longest: number): string | null =>
  typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, longest) : null

const KEY = /^(["']?)(name|description|category|tags)\1[ \t]*:(?=\s)/

/** The first entry of each word at the top of a block mapping: what belongs to it is indented, or a list at the margin. */
const entriesIn = (content: string): ReadonlyMap<string, string> => {
  const entries = new Map<string, string>()
  for (const entry of content.replace(/^#.*\n/gm, '').split(/\n(?=[^\s-])/)) {
    const word = KEY.exec(entry)?.[2]
    if (word !== undefined && !entries.has(word)) entries.set(word, entry)
  }
  return entries
}

const fromYaml = (entry: string): unknown => {
  if (entry.length > LONGEST_ENTRY) return null
  // Aliases would let a few bytes grow without bound.
  const document = parseDocument(`${entry}\n`, { logLevel: 'silent' })
  if (document.errors.length > 0) return null
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch {
    // An alias, or a tag that has no value: it says nothing that can be shown.
    return null
  }
}

const fromJson = (content: string): unknown => {
  try {
    return JSON.parse(content)
  } catch {
    // YAML in braces that is no JSON: nobody writes a template so.
    return null
  }
}

const saidIn = (content: string): Readonly<Record<string, unknown>> => {
  const parts = content.startsWith('{') ? [fromJson(content)] : [...entriesIn(content).values()].map(fromYaml)
  return Object.assign({}, ...parts.filter((part) => typeof part === 'object'))
}

/** @param content a template's YAML or JSON, or `null`; anything that is not a mapping says nothing. */
export const wordsIn = (content: string | null): TemplateWords => {
  if (content === null || content.length > LONGEST_LISTED) return NO_WORDS
  const { name, description, category, tags } = saidIn(content)
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
