// `decloud-node run`, but that rounds of duties follow each other as fast as they can: of a round every ten seconds a test
// that kills at random would hit hardly one.
import { loadConfig } from '../../src/config/config.ts'
import { loadSecrets } from '../../src/config/secrets.ts'
import { makeLogger } from '../../src/lib/log.ts'
import { makeAgent } from '../../src/main.ts'

const config = loadConfig(process.env)
const log = makeLogger(config.logLevel)
await makeAgent(config, await loadSecrets(process.env), { log, dutiesMs: 100 })
