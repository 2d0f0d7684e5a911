import { DecloudError } from '@decloud/protocol'
import {
  featuredTemplatesSchema,
  templateContentSchema,
  templateDetailSchema,
  templateParams,
  templatesQuerySchema,
  templatesSchema,
  templateVersionParams,
} from '@decloud/protocol/wire/api'
import { pageOf } from '../../domain/keyset.ts'
import { featured, type ListedTemplate, matches, placeIn } from '../../domain/template-listing.ts'
import { placeCursor, scopeOf } from '../cursors.ts'
import type { ApiDeps, App } from '../deps.ts'
import { addRead } from '../reads.ts'
import { requireSession, SESSION_SECURITY, sessionOf } from '../session.ts'
import { templateView } from '../views.ts'

const TAGS = ['templates']

/** @throws DecloudError `template-unknown`. */
export const templateOr404 = ({ market, catalogue }: ApiDeps, id: number | string): ListedTemplate => {
  const template = market.template(id)
  if (template === undefined) throw new DecloudError('template-unknown', `There is no template ${id}.`)
  return catalogue.listedTemplate(template)
}

export const templatesRoute = (app: App, deps: ApiDeps) => {
  addRead(app, deps, {
    url: '/api/marketplace/templates',
    summary: 'Templates that can be deployed, newest first unless sorted, a page at a time',
    tags: TAGS,
    query: templatesQuerySchema,
    answer: templatesSchema,
    changes: 'events',
    problems: ['cursor-invalid'],
    read: ({ query }) => {
      const { search, sort, limit, cursor, ...filter } = query
      const cursors = placeCursor(scopeOf('templates', query))
      const found = deps.catalogue.templates(search).filter((template) => matches(template, filter))
      const { rows, next } = pageOf(found, placeIn(sort), { limit, after: cursors.read(cursor) })
      return { templates: rows.map(templateView), next: cursors.write(next) }
    },
  })
  addRead(app, deps, {
    url: '/api/marketplace/templates/featured',
    summary: 'The ten most deployed templates',
    tags: TAGS,
    answer: featuredTemplatesSchema,
    changes: 'events',
    read: () => ({ templates: featured(deps.catalogue.templates(undefined)).map(templateView) }),
  })
  app.get(
    '/api/marketplace/templates/my',
    {
      ...requireSession(deps),
      schema: {
        tags: TAGS,
        summary: "The signed-in author's templates, archived ones included, newest first",
        security: SESSION_SECURITY,
        response: { 200: featuredTemplatesSchema },
      },
    },
    async (request) => {
      const own = deps.catalogue.templatesBy(sessionOf(request).address)
      const { rows } = pageOf(own, placeIn('newest'), { limit: own.length, after: undefined })
      return { templates: rows.map(templateView) }
    },
  )
  addRead(app, deps, {
    url: '/api/marketplace/templates/:slugOrId',
    summary: 'One template, by slug or registry index, with its versions',
    tags: TAGS,
    params: templateParams,
    answer: templateDetailSchema,
    changes: 'events',
    problems: ['template-unknown'],
    read: ({ params }) => {
      const template = templateOr404(deps, params.slugOrId)
      return {
        ...templateView(template),
        pendingAuthor: template.pendingAuthor,
        history: deps.market.versions(template.template),
      }
    },
  })
  addRead(app, deps, {
    url: '/api/marketplace/templates/:slugOrId/versions/:version',
    summary: 'One version of a template, with its content as published',
    tags: TAGS,
    params: templateVersionParams,
    answer: templateContentSchema,
    changes: 'events',
    problems: ['template-unknown', 'version-unknown'],
    read: ({ params }) => {
      const { template } = templateOr404(deps, params.slugOrId)
      const version = deps.market.version(template, params.version)
      if (version !== undefined) return version
      throw new DecloudError('version-unknown', `Template ${template} has no version ${params.version}.`)
    },
  })
}
