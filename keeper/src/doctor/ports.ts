import { createServer } from 'node:net'
import { type Finding, fault, ok } from '@decloud/service/doctor'
import type { KeeperConfig } from '../config/config.ts'
import { listenFailed } from '../lib/listen.ts'

const tryPort = (host: string, port: number): Promise<unknown> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(error))
    server.listen(port, host, () => server.close(() => resolve(null)))
  })

/** @param config of a keeper that does not run: its own ports would be taken. */
export const checkPorts = async (config: KeeperConfig): Promise<Finding[]> => {
  const { host, port, metrics } = config
  const wanted = [{ check: 'API port', host, port }]
  if (metrics.enabled) {
    const own = metrics.port ?? (port === 0 ? 0 : port + 1)
    wanted.push({ check: 'metrics port', host: metrics.host, port: own })
  }
  for (const address of config.gossip.enabled ? config.gossip.listen : []) {
    // Names and other transports are for whoever runs them to look at.
    const match = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)$/.exec(address)
    if (match !== null) wanted.push({ check: 'gossip port', host: match[1]!, port: Number(match[2]) })
  }
  return Promise.all(
    wanted.map(async ({ check, host, port }) => {
      const error = await tryPort(host, port)
      if (error === null) return ok(check, port === 0 ? 'any free one' : `${host}:${port} is free`)
      const section = check.split(' ')[0]!
      const typed = listenFailed(error, { host, port, ...(section === 'API' ? {} : { what: section }) })
      return fault(check, typed.code, typed.message, typed.hint)
    }),
  )
}
