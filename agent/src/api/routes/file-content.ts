// What is in the files of a guest, streamed both ways: the only limit is the guest's disk, the only deadline that
// something moves.
import { fileWrittenSchema, guestPathSchema } from '@decloud/protocol/wire/files'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { AgentError } from '../../lib/errors.ts'
import type { OpenFile } from '../../sftp/files.ts'
import type { ApiDeps, App } from '../deps.ts'
import { requireLease, visitorOf } from '../guard.ts'
import { rangeOf } from '../range.ts'
import { SECURITY } from '../security.ts'
import { fileProblems } from './files.ts'
import { leaseParams } from './params.ts'

const PATH = '/v1/leases/:leaseId/files/content'

export const fileContentRoute = (app: App, deps: ApiDeps) => {
  download(app, deps)
  void app.register(async (scope) => {
    // A body of any type is the file itself: nobody here parses it.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_, __, done) => done(null))
    upload(scope as App, deps)
  })
}

const bytes = (description: string) => ({
  description,
  content: { 'application/octet-stream': { schema: z.string() } },
})

const download = (app: App, { streams, ...deps }: ApiDeps) => {
  app.get(
    PATH,
    {
      ...requireLease(deps, 'use', {
        ...{ ticket: 'download' },
        ...fileProblems('file-is-directory', 'file-not-regular', 'range-not-satisfiable'),
      }),
      // An answer without its body would have read the file all the same.
      exposeHeadRoute: false,
      schema: {
        tags: ['inside'],
        summary: 'A file of the guest, or a range of it',
        security: SECURITY.ticket,
        params: leaseParams,
        querystring: z.object({ path: guestPathSchema, ticket: z.string().optional() }),
        response: { 200: bytes('The file'), 206: bytes('The range that was asked for') },
      },
    },
    async (request, reply) => {
      const visitor = visitorOf(request)
      const file = await streams.files.open(visitor.leaseId, request.query.path)
      const read: OpenFile['read'] = (from, to) => {
        const body = file.read(from, to)
        body.once(
          'close',
          streams.watch(visitor, () => body.destroy(accessEnded())),
        )
        return body
      }
      try {
        return answer(reply, { ...file, read }, request.headers)
      } catch (error) {
        file.close()
        throw error
      }
    },
  )
}

const answer = (
  reply: FastifyReply,
  file: OpenFile,
  headers: { range?: string | undefined; 'if-range'?: string | string[] | undefined },
) => {
  const { name, size, modifiedAt } = file
  reply
    .type('application/octet-stream')
    .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(name)}`)
    .header('last-modified', new Date(modifiedAt * 1_000).toUTCString())
  if (size === null) return reply.send(file.read(0, null))
  const etag = `"${modifiedAt.toString(36)}-${size.toString(36)}"`
  reply.header('accept-ranges', 'bytes').header('etag', etag)
  const stale = headers['if-range'] !== undefined && headers['if-range'] !== etag
  const range = stale ? null : rangeOf(headers.range, size)
  const { from, to } = range ?? { from: 0, to: size }
  if (range !== null) reply.code(206).header('content-range', `bytes ${from}-${to - 1}/${size}`)
  return reply.header('content-length', to - from).send(file.read(from, to))
}

const upload = (app: App, { streams, ...deps }: ApiDeps) => {
  app.put(
    PATH,
    {
      ...requireLease(deps, 'use', {
        ...{ ticket: 'upload', unhurried: true },
        ...fileProblems(
          ...(['file-is-directory', 'file-not-directory', 'file-not-regular', 'file-exists'] as const),
          ...(['upload-cut-off', 'guest-no-space'] as const),
        ),
      }),
      schema: {
        tags: ['inside'],
        summary:
          'Puts a file into the guest, whole or not at all; `replace=true` lets it take the place of another',
        security: SECURITY.ticket,
        params: leaseParams,
        consumes: ['application/octet-stream'],
        querystring: z.object({ path: guestPathSchema, replace: z.enum(['true', 'false']).optional() }),
        response: { 200: fileWrittenSchema },
      },
    },
    async (request, reply) => {
      const { path, replace } = request.query
      const visitor = visitorOf(request)
      // Of a body that is not read to its end, nothing more is wanted.
      reply.header('connection', 'close')
      const unwatch = streams.watch(visitor, () => request.raw.destroy(accessEnded()))
      try {
        return await streams.files.write(visitor.leaseId, path, request.raw, replace === 'true')
      } finally {
        unwatch()
      }
    },
  )
}

const accessEnded = () => new AgentError('access-ended', 'Your access to this lease has ended.')
