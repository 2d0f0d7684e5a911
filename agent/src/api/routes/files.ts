// The files of a guest: see wire/files.ts. What is in them has routes of its own, file-content.ts.
import {
  deleteBodySchema,
  type FileProblem,
  fileViewSchema,
  guestPathSchema,
  mkdirBodySchema,
  renameBodySchema,
} from '@decloud/protocol/wire/files'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'
import { requireLease, visitorOf } from '../guard.ts'
import { SECURITY } from '../security.ts'
import { leaseParams } from './params.ts'

/** Of every route into a guest. */
const GUEST: readonly string[] = [
  ...['guest-not-running', 'guest-login-missing', 'guest-login-refused', 'guest-host-key'],
  ...([
    'guest-unreachable',
    'guest-failed',
    'file-too-many',
    'file-missing',
    'file-forbidden',
  ] satisfies FileProblem[]),
]
export const fileProblems = (...own: readonly FileProblem[]) => ({ problems: [...GUEST, ...own] })

const doneSchema = z.object({ path: z.string() })

export const filesRoute = (app: App, deps: ApiDeps) => {
  const shared = { tags: ['inside'], security: SECURITY.session, params: leaseParams }
  app.get(
    '/v1/leases/:leaseId/files',
    {
      ...requireLease(deps, 'use', fileProblems()),
      schema: {
        ...shared,
        summary: 'What is at a path of the guest, and the entries of a directory; without a path, home',
        querystring: z.object({ path: guestPathSchema.optional() }),
        response: { 200: fileViewSchema },
      },
    },
    async (request) => deps.streams.files.view(visitorOf(request).leaseId, request.query.path ?? null),
  )
  app.post(
    '/v1/leases/:leaseId/files/mkdir',
    {
      ...requireLease(deps, 'use', fileProblems('file-exists')),
      schema: {
        ...shared,
        summary: 'Makes a directory',
        body: mkdirBodySchema,
        response: { 200: doneSchema },
      },
    },
    async (request) => {
      const { path } = request.body
      await deps.streams.files.mkdir(visitorOf(request).leaseId, path)
      return { path }
    },
  )
  app.post(
    '/v1/leases/:leaseId/files/rename',
    {
      ...requireLease(deps, 'use', fileProblems('file-exists')),
      schema: {
        ...shared,
        summary: 'Gives something another name or place; nothing is replaced',
        body: renameBodySchema,
        response: { 200: doneSchema },
      },
    },
    async (request) => {
      const { from, to } = request.body
      await deps.streams.files.rename(visitorOf(request).leaseId, from, to)
      return { path: to }
    },
  )
  app.post(
    '/v1/leases/:leaseId/files/delete',
    {
      ...requireLease(deps, 'use', fileProblems('directory-not-empty')),
      schema: {
        ...shared,
        summary: 'Deletes a file, a link, or a directory that is empty',
        body: deleteBodySchema,
        response: { 200: doneSchema },
      },
    },
    async (request) => {
      const { path } = request.body
      await deps.streams.files.remove(visitorOf(request).leaseId, path)
      return { path }
    },
  )
}
