import { once } from 'node:events'
import { makeScrub } from '@decloud/service/log'
import { loadConfig } from '../../config/config.ts'
import { secretsOfKeystore, secretValues } from '../../config/secret-values.ts'
import { loadSecrets } from '../../config/secrets.ts'
import { makeLogger } from '../../lib/log.ts'
import { makeAgent } from '../../main.ts'
import { openService } from '../../service.ts'
import { EXIT, makeVerb } from '../verb.ts'

export const run = makeVerb({
  about:
    'The log goes to stderr, or to logFile, one line of JSON a fact. The first signal stops it in order, a second one at once.',
  options: {},
  run: async (io) => {
    const config = loadConfig(io.env, io.given)
    const secrets = await loadSecrets(io.env, io.given)
    const scrub = makeScrub([...secretValues(config, secrets), ...secretsOfKeystore(io.env, io.given)])
    const log = makeLogger(config.logLevel, config.logFile, scrub)
    const service = await openService(io.env, log)
    const agent = await makeAgent(config, secrets, { log, scrub })
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
