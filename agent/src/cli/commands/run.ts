import { once } from 'node:events'
import { loadConfig } from '../../config/config.ts'
import { loadSecrets } from '../../config/secrets.ts'
import { makeLogger } from '../../lib/log.ts'
import { makeAgent } from '../../main.ts'
import { openService } from '../../service.ts'
import { EXIT, makeVerb } from '../verb.ts'

export const run = makeVerb({
  about:
    'The log goes to stdout, one line of JSON a fact. The first signal stops it in order, a second one at once.',
  options: {},
  run: async (io) => {
    const config = loadConfig(io.env, io.given)
    const secrets = await loadSecrets(io.env, io.given)
    const log = makeLogger(config.logLevel)
    const service = await openService(io.env, log)
    const agent = await makeAgent(config, secrets, { log })
    io.result(
      { url: agent.url, node: config.node },
      `decloud-node: node ${config.node}, status at ${agent.url}`,
    )
    await service.started(agent)
    if (!io.signal.aborted) await once(io.signal, 'abort')
    service.stopping()
    await agent.close()
    service.release()
    return EXIT.done
  },
})
