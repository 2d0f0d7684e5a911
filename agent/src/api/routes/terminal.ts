import type { ApiDeps, App } from '../deps.ts'
import { requireLease, visitorOf } from '../guard.ts'
import { SECURITY } from '../security.ts'
import { serveConsole } from '../serve-console.ts'
import { serveTerminal } from '../serve-terminal.ts'
import { leaseParams } from './params.ts'

const TAGS = ['inside']

export const terminalRoute = (app: App, deps: ApiDeps) => {
  app.get(
    '/v1/leases/:leaseId/terminal',
    {
      ...requireLease(deps, 'use', { ticket: 'terminal' }),
      websocket: true,
      exposeHeadRoute: false,
      schema: {
        tags: TAGS,
        summary: 'A WebSocket with a shell in the guest, which outlives it by minutes; see wire/terminal.ts',
        security: SECURITY.ticket,
        params: leaseParams,
      },
    },
    (socket, request) => serveTerminal(socket, visitorOf(request), deps.streams.terminals, request.log),
  )
  app.get(
    '/v1/leases/:leaseId/console',
    {
      ...requireLease(deps, 'manage', { ticket: 'console' }),
      websocket: true,
      exposeHeadRoute: false,
      schema: {
        tags: TAGS,
        summary: "A WebSocket with the guest's serial console, for one reader at a time",
        security: SECURITY.ticket,
        params: leaseParams,
      },
    },
    (socket, request) => serveConsole(socket, visitorOf(request), deps.streams.consoles, request.log),
  )
}
