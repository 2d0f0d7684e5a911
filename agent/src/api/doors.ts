// What is asked of every request before its route is: the name it came under, the page it came from, its pace.

import type { Access } from '../access.ts'
import { AgentError } from '../lib/errors.ts'
import type { App } from './deps.ts'
import { COMMON_HEADERS, PREFLIGHT_HEADERS } from './headers.ts'
import { originOf } from './knock.ts'

/** Characters; the longest are paths of files in a guest. */
const LONGEST_URL = 8_192

export const watchDoors = (app: App, { names, pace }: Pick<Access, 'names' | 'pace'>): void => {
  app.addHook('onRequest', async (request, reply) => {
    if (!names.answersTo(request.headers.host)) throw hostRefused()
    pace.request(request.ip)
    if (request.method === 'OPTIONS') return reply.code(204).headers(PREFLIGHT_HEADERS).send()
    const { access } = request.routeOptions.config
    // What carries its own signature may come from a page of any origin.
    if (access?.who !== 'signed' && !names.mayAsk(originOf(request))) throw originRefused()
    if (access?.who === 'anyone') pace.signIn(request.ip)
    if ((request.raw.url ?? '').length > LONGEST_URL) throw tooLong()
  })
  app.addHook('onSend', async (_, reply) => {
    for (const [name, value] of Object.entries(COMMON_HEADERS)) {
      if (!reply.hasHeader(name)) reply.header(name, value)
    }
    if (reply.statusCode === 401) reply.header('www-authenticate', 'Bearer')
  })
}

const hostRefused = () =>
  new AgentError('host-refused', 'This API does not answer to that name.', {
    hint: 'Use 127.0.0.1 or localhost on the machine itself, or the public URL that its operator has set.',
  })

const originRefused = () =>
  new AgentError('origin-refused', 'Pages of that origin may not use this API.', {
    hint: 'Its operator names the hosts whose pages may, in DECLOUD_API_PAGES.',
  })

const tooLong = () => new AgentError('url-too-long', `At most ${LONGEST_URL} characters of URL are taken.`)
