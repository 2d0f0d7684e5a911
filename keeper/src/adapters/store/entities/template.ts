// Templates and their versions.
import type { Deployment } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Address, type Hex, zeroAddress } from 'viem'
import {
  applyTemplateEvent,
  applyVersionEvent,
  type MinimumSpec,
  type TemplateView,
  type VersionView,
} from '../../../domain/template.ts'
import { LONGEST_LISTED } from '../../../domain/template-listing.ts'
import { contentText } from '../content.ts'
import { amount, bytes, type Columns, flag, height, integer, json, makeTable, text } from '../table.ts'
import type { Entity } from './entity.ts'
import { numberWord } from './words.ts'

const TEMPLATE_COLUMNS: Columns<TemplateView> = {
  template: ['template', integer],
  slug: ['slug', text()],
  author: ['author', text<Address>()],
  pendingAuthor: ['pending_author', text<Address>()],
  archived: ['archived', flag],
  versions: ['versions', integer],
  createdAt: ['created_at', integer],
}

export const templateTable = (db: Database) =>
  makeTable(db, { name: 'templates', key: ['template'], columns: TEMPLATE_COLUMNS })

const VERSION_COLUMNS: Columns<VersionView> = {
  template: ['template', integer],
  version: ['version', integer],
  contentHash: ['content_hash', text<Hex>()],
  fee: ['fee', amount],
  refundWindow: ['refund_window', integer],
  minimum: ['minimum', json<MinimumSpec>()],
  publishedIn: ['published_in', height],
  publishedAt: ['published_at', integer],
  archived: ['archived', flag],
  uri: ['uri', text()],
  content: ['content', bytes],
}

export const versionTable = (db: Database) =>
  makeTable(db, { name: 'template_versions', key: ['template', 'version'], columns: VERSION_COLUMNS })

/** Characters of a template that words are found in: a few bytes unpack to a great deal, and every keeper would keep it. */
const MOST_SEARCHED = 8_192

/** After the versions, which are in place when a template is saved: its search entry shows the latest of them. */
export const templateEntity = (
  db: Database,
  { templateRegistry }: Deployment,
): Entity<number, TemplateView> => {
  const templates = templateTable(db)
  const versions = versionTable(db)
  const unlist = db.prepare('DELETE FROM template_search WHERE rowid = ?')
  const list = db.prepare('INSERT INTO template_search (rowid, slug, body) VALUES (?, ?, ?)')
  return {
    contracts: ['TemplateRegistry'],
    keyOf: ({ args }) => ('template' in args ? args.template : undefined),
    logs: (template) => ({ address: templateRegistry ?? zeroAddress, topic1: numberWord(template) }),
    apply: applyTemplateEvent,
    load: (template) => templates.get(template),
    save: (template, before, after) => {
      if (after === undefined) templates.drop(template)
      else templates.put(after)
      // The slug never changes; the text is that of the latest version.
      if (before !== undefined) unlist.run(template)
      if (after === undefined) return
      const latest = versions.get(template, after.versions)
      const text = latest && contentText(latest.content, LONGEST_LISTED)
      list.run(template, after.slug, text?.slice(0, MOST_SEARCHED) ?? '')
    },
  }
}

const versionKey = (key: string) => key.split(' ').map(Number) as [number, number]

export const versionEntity = (
  db: Database,
  { templateRegistry }: Deployment,
): Entity<string, VersionView> => {
  const versions = versionTable(db)
  return {
    contracts: ['TemplateRegistry'],
    keyOf: ({ args }) =>
      'version' in args && 'template' in args ? `${args.template} ${args.version}` : undefined,
    logs: (key) => ({ address: templateRegistry ?? zeroAddress, topic1: numberWord(versionKey(key)[0]) }),
    apply: applyVersionEvent,
    load: (key) => versions.get(...versionKey(key)),
    save: (key, _, after) => {
      if (after === undefined) versions.drop(...versionKey(key))
      else versions.put(after)
    },
  }
}
