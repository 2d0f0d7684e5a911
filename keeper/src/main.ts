#!/usr/bin/env node
// A line of words → a verb. The one place that turns errors into sentences and exit codes.
import { parseArgs } from 'node:util'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { ConfigError } from '@decloud/service/config'
import { makeScrub } from '@decloud/service/log'
import { helpOf, overview } from './cli/help.ts'
import { EXIT, type Verb } from './cli/verb.ts'
import { VERBS } from './cli/verbs.ts'
import { type Loaded, loadConfig } from './config/load.ts'
import { secretValues } from './config/secret-values.ts'
import { VERSION } from './version.ts'

const COMMON = {
  config: {
    type: 'string',
    argument: 'FILE',
    about: 'JSON configuration; environment variables win over it',
  },
  json: { type: 'boolean', about: 'one line of JSON on stdout instead of text' },
  help: { type: 'boolean', about: 'this text' },
} as const

// Failures that a person must mend; anything else may pass by itself.
const PERSON = new Set([
  'usage',
  'config-invalid',
  'port-occupied',
  'listen-failed',
  'chain-id-wrong',
  'contract-missing',
  'rpc-disagree',
  'folder-locked',
  'notify-missing',
  'store-foreign',
  'store-newer',
  'store-unusable',
  'key-malformed',
  'keystore-missing',
  'keystore-malformed',
  'keystore-password-wrong',
])

const parse = (verb: Verb, args: string[]) => {
  const options = { ...COMMON, ...verb.options, version: { type: 'boolean' as const } }
  const kinds = Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }]))
  try {
    return parseArgs({ args, options: kinds, allowPositionals: verb.words !== undefined })
  } catch (cause) {
    throw new DecloudError('usage', `${sentenceOf(cause)}.`, { hint: 'See --help.', cause })
  }
}

// Nothing secret is known until the configuration is read; from then on it is cut out of everything said here.
let scrub = makeScrub([])

const main = async (argv: readonly string[]): Promise<number> => {
  const [first, ...rest] = argv
  const named = first !== undefined && !first.startsWith('-')
  const name = named ? first : 'run'
  const entry = VERBS[name]
  if (entry === undefined) {
    throw new DecloudError('usage', `There is no verb "${name}".`, {
      hint: `Verbs: ${Object.keys(VERBS).join(', ')}.`,
    })
  }
  const verb = await entry.load()
  const { values, positionals } = parse(verb, named ? [...rest] : [...argv])
  if (values['version'] === true) {
    console.log(VERSION)
    return EXIT.done
  }
  if (values['help'] === true) {
    console.log(named ? helpOf(name, entry.summary, verb, COMMON) : overview(VERBS, COMMON))
    return EXIT.done
  }
  const json = values['json'] === true
  const load = (): Loaded => {
    const file = values['config']
    const loaded = loadConfig({ file: typeof file === 'string' ? file : undefined, env: process.env })
    scrub = makeScrub(secretValues(loaded.config, loaded.key))
    return loaded
  }
  const say = (text: string, value: unknown) => console.log(scrub(json ? toJson(value) : text))
  // parseArgs gives arrays only for options declared `multiple`: there are none.
  const flat = values as Record<string, string | boolean | undefined>
  return verb.run({ values: flat, words: positionals, env: process.env, json, load, say })
}

const toJson = (value: unknown) =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))

const report = (error: unknown) => {
  const code = error instanceof DecloudError ? error.code : 'unknown'
  if (process.argv.includes('--json')) {
    const issues = error instanceof ConfigError ? { issues: error.issues } : {}
    console.log(scrub(toJson({ error: { code, sentence: sentenceOf(error), ...issues } })))
  } else console.error(scrub(sentenceOf(error)))
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  report(error)
  process.exitCode = error instanceof DecloudError && PERSON.has(error.code) ? EXIT.person : EXIT.failed
}
