// The marketplace as it is listed: rows of the tables, with what was heard of nodes and what templates say of themselves.

import type { Address } from 'viem'
import type { ListedNode } from '../domain/listing.ts'
import { type ListedTemplate, type TemplateWords, wordsIn } from '../domain/template-listing.ts'
import type { Liveness } from '../ports/liveness.ts'
import type { Market, MarketNode, MarketTemplate, Page } from '../ports/market.ts'

export type CatalogueDeps = {
  market: Pick<Market, 'allNodes' | 'nodes' | 'templates' | 'listedText'>
  liveness: Liveness
  /** Grows with every commit that may change a table. */
  version(): number
}

/** Rows of one page of the tables. */
const PAGE = 200
/** Of versions whose words are remembered: more than are listed at once, or all would be read again at each change. */
const MOST_REMEMBERED = 50_000

export type Catalogue = ReturnType<typeof makeCatalogue>

export const makeCatalogue = ({ market, liveness, version }: CatalogueDeps) => {
  const words = new Map<string, TemplateWords>()
  let templates: { version: number; rows: readonly ListedTemplate[] } | null = null

  const everything = <row>(page: (cursor: string | undefined) => Page<row>): row[] => {
    const rows: row[] = []
    let cursor: string | undefined
    do {
      const { rows: some, next } = page(cursor)
      rows.push(...some)
      cursor = next ?? undefined
    } while (cursor !== undefined)
    return rows
  }

  const wordsOf = ({ template, latest }: MarketTemplate): TemplateWords => {
    if (latest === null) return wordsIn(null)
    const key = `${template}:${latest.contentHash}`
    const known = words.get(key)
    if (known !== undefined) return known
    const read = wordsIn(market.listedText(template, latest.version))
    if (words.size >= MOST_REMEMBERED) words.clear()
    words.set(key, read)
    return read
  }

  const listed = (node: MarketNode): ListedNode => {
    const online = liveness.isOnline(node.node)
    return {
      ...node,
      online: online === 'unknown' ? null : online,
      heardBps: liveness.uptimeBps(node.node),
    }
  }
  const listedTemplate = (template: MarketTemplate): ListedTemplate => ({
    ...template,
    words: wordsOf(template),
  })

  return {
    listed,
    listedTemplate,
    /** @param search words that must be there. */
    nodes: (search: string | undefined): ListedNode[] =>
      (search === undefined
        ? market.allNodes()
        : everything((cursor) => market.nodes({ search, limit: PAGE, cursor }))
      ).map(listed),
    /** Those that are not archived. @param search words that must be there. */
    templates: (search: string | undefined): readonly ListedTemplate[] => {
      const read = () =>
        everything((cursor) => market.templates({ search, limit: PAGE, cursor })).map(listedTemplate)
      if (search !== undefined) return read()
      if (templates?.version !== version()) templates = { version: version(), rows: read() }
      return templates.rows
    },
    /** All of an author's, archived ones included. */
    templatesBy: (author: Address): ListedTemplate[] =>
      [false, true].flatMap((archived) =>
        everything((cursor) => market.templates({ author, archived, limit: PAGE, cursor })).map(
          listedTemplate,
        ),
      ),
  }
}
