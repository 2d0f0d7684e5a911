#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { parseConfig, readConfigFile } from './config/config.ts'
import { ENV_NAMES, readEnv, SECRET_NAMES } from './config/env.ts'
import { readSecrets } from './config/secrets.ts'
import { makeKeeper } from './context.ts'

const HELP = `Usage: decloud-keeper [--config FILE]

Follows the contracts, serves what it reads over HTTP, and with a key settles, expires and ends leases.

  --config FILE  JSON with the keys below; environment variables win over it
  --help         this text

${Object.entries(ENV_NAMES)
  .map(([key, name]) => `  ${key.padEnd(20)} ${name}`)
  .join('\n')}

The key (none: no chores) comes from the environment alone:
  ${SECRET_NAMES.keystore} with ${SECRET_NAMES.passwordFile}, or ${SECRET_NAMES.privateKey}

Exit codes: 0 stopped, 1 failed while running, 2 configuration, wrong chain or occupied port.`

// Failures of the start that a person must mend; anything else may pass.
const CONFIGURATION = new Set([
  'config-invalid',
  'port-occupied',
  'listen-failed',
  'chain-id-wrong',
  'contract-missing',
  'rpc-disagree',
  'store-foreign',
  'store-newer',
  'store-unusable',
  'key-malformed',
  'keystore-missing',
  'keystore-malformed',
  'keystore-password-wrong',
])

const stopSignal = (): Promise<string> =>
  new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name))
  })

const parseArguments = () => {
  try {
    return parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean' } } }).values
  } catch (cause) {
    throw new DecloudError('config-invalid', sentenceOf(cause), { hint: 'See --help.', cause })
  }
}

const run = async () => {
  const options = parseArguments()
  if (options.help) {
    console.log(HELP)
    return
  }
  const stopped = stopSignal()
  const file = options.config === undefined ? {} : readConfigFile(options.config)
  const config = parseConfig({ ...file, ...readEnv(process.env) })
  const keeper = await makeKeeper({ config, key: readSecrets(process.env) })
  await stopped
  await keeper.close()
}

try {
  await run()
} catch (error) {
  console.error(sentenceOf(error))
  process.exitCode = error instanceof DecloudError && CONFIGURATION.has(error.code) ? 2 : 1
}
