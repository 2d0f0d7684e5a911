import type { Database } from 'better-sqlite3'
import { NO_RATING } from '../../../domain/review.ts'
import type { TemplateView, VersionView } from '../../../domain/template.ts'
import { LONGEST_LISTED } from '../../../domain/template-listing.ts'
import type { Market, MarketTemplate, TemplateQuery, TemplateSort } from '../../../ports/market.ts'
import { contentText } from '../content.ts'
import { ratingReader } from '../entities/reputation.ts'
import { templateTable, versionTable } from '../entities/template.ts'
import { pageOf, placeOf } from '../pages.ts'
import type { Cell } from '../table.ts'
import type { MarketDeps } from './deps.ts'
import { idsMatching } from './search.ts'

export type TemplateReads = Pick<Market, 'templates' | 'template' | 'versions' | 'version' | 'listedText'>

const withoutContent = ({ content: _, ...rest }: VersionView): Omit<VersionView, 'content'> => rest

const mean = ({ rating: { sum, count } }: MarketTemplate) => (count === 0n ? 0 : Number(sum) / Number(count))
const ORDERS: Record<TemplateSort, (a: MarketTemplate, b: MarketTemplate) => number> = {
  newest: (a, b) => b.createdAt - a.createdAt,
  popular: (a, b) => b.deployed - a.deployed,
  rating: (a, b) => mean(b) - mean(a) || Number(b.rating.count - a.rating.count),
  slug: (a, b) => (a.slug < b.slug ? -1 : a.slug > b.slug ? 1 : 0),
}

const filterOf = (query: TemplateQuery, found: ReadonlySet<number> | null) => (row: MarketTemplate) => {
  const { author, archived = false, requiresGpu, maxFee } = query
  const gpus = row.latest?.minimum.gpus ?? 0
  return (
    (found === null || found.has(row.template)) &&
    (author === undefined || row.author.toLowerCase() === author.toLowerCase()) &&
    row.archived === archived &&
    (requiresGpu === undefined || gpus > 0 === requiresGpu) &&
    (maxFee === undefined || (row.latest?.fee ?? 0n) <= maxFee)
  )
}

export const makeTemplateReads = (db: Database, deps: MarketDeps): TemplateReads => {
  const templates = templateTable(db)
  const versions = versionTable(db)
  const ratingOf = ratingReader(db)
  const all = db.prepare(`SELECT ${templates.select('t')} FROM templates t ORDER BY t.template`).raw()
  const bySlug = db.prepare(`SELECT ${templates.select('t')} FROM templates t WHERE t.slug = ?`).raw()
  const versionsOf = db
    .prepare(
      `SELECT ${versions.select('v')} FROM template_versions v WHERE v.template = ? ORDER BY v.version`,
    )
    .raw()
  const deployed = db.prepare("SELECT count FROM counts WHERE what = 'deployed' AND id = ?").pluck()
  const full = (view: TemplateView): MarketTemplate => {
    const latest = versions.get(view.template, view.versions)
    return {
      ...view,
      latest: latest === undefined ? null : withoutContent(latest),
      rating: ratingOf('template', view.template) ?? NO_RATING,
      deployed: (deployed.get(view.template) as number | undefined) ?? 0,
    }
  }
  let known: { key: string; rows: MarketTemplate[] } | null = null
  const current = () => {
    const key = deps.changeKey()
    if (known?.key !== key)
      known = { key, rows: (all.all() as Cell[][]).map((cells) => full(templates.read(cells))) }
    return known.rows
  }
  return {
    templates: (query) => {
      const wanted = filterOf(query, idsMatching(db, 'template_search', query.search))
      const order = ORDERS[query.sort ?? 'newest']
      const rows = current()
        .filter(wanted)
        .sort((a, b) => order(a, b) || a.template - b.template)
      const after = query.cursor === undefined ? null : placeOf(query.cursor, 'n')[0]
      const from = after === null ? 0 : rows.findIndex((row) => row.template === after) + 1
      return pageOf(rows.slice(from, from + query.limit + 1), query.limit, (row) => [row.template])
    },
    template: (id) => {
      const cells = typeof id === 'string' ? (bySlug.get(id) as Cell[] | undefined) : undefined
      const view = typeof id === 'number' ? templates.get(id) : cells && templates.read(cells)
      return view && full(view)
    },
    versions: (template) =>
      (versionsOf.all(template) as Cell[][]).map((cells) => withoutContent(versions.read(cells))),
    listedText: (template, version) => {
      const row = versions.get(template, version)
      return row === undefined ? null : contentText(row.content, LONGEST_LISTED)
    },
    version: (template, version) => {
      const row = versions.get(template, version)
      return row && { ...row, text: contentText(row.content) }
    },
  }
}
