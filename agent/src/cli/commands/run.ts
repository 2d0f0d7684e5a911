import { once } from 'node:events'
import { loadConfig } from '../../config/config.ts'
import { loadSecrets } from '../../config/secrets.ts'
import { makeLogger } from '../../lib/log.ts'
import { makeAgent } from '../../main.ts'
import type { Command } from '../command.ts'
import { parseOptions } from '../options.ts'

/** The agent, until SIGINT or SIGTERM. Guests outlive it. */
export const run: Command = async (args, io) => {
  parseOptions(args, { json: { type: 'boolean' } })
  const config = loadConfig(io.env)
  const secrets = await loadSecrets(io.env)
  const agent = await makeAgent(config, secrets, { log: makeLogger(config.logLevel) })
  io.result(
    { url: agent.url, node: config.node },
    `decloud-node: node ${config.node}, status at ${agent.url}`,
  )
  if (!io.signal.aborted) await once(io.signal, 'abort')
  await agent.close()
  return 0
}
