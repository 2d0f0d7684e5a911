#!/usr/bin/env node
import { sentenceOf } from '@decloud/protocol'
import { type Command, exitCodeOf, type Io, toJson, UsageError } from './command.ts'
import { entrust } from './commands/entrust.ts'
import { imagesFetch, imagesGc, imagesList, imagesRemove } from './commands/images.ts'
import { imagesPin } from './commands/images-pin.ts'
import { keysCreate } from './commands/keys-create.ts'
import { reclaim } from './commands/reclaim.ts'
import { register } from './commands/register.ts'
import { run } from './commands/run.ts'
import { status } from './commands/status.ts'
import { HELP } from './help.ts'

const COMMANDS: Readonly<Record<string, Command>> = {
  run,
  register,
  status,
  entrust,
  reclaim,
  'keys create': keysCreate,
  'images list': imagesList,
  'images fetch': imagesFetch,
  'images pin': imagesPin,
  'images remove': imagesRemove,
  'images gc': imagesGc,
}
/** Those that are said in two words. */
const GROUPS: ReadonlySet<string> = new Set(['keys', 'images'])

const main = async (args: string[]): Promise<number> => {
  if (args.length === 0 || args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP)
    return args.length === 0 ? 2 : 0
  }
  const words = GROUPS.has(args[0] ?? '') ? 2 : 1
  const name = args.slice(0, words).join(' ')
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) throw new UsageError(`There is no command "${name}".`)
  return command(args.slice(words), ioOf(args.includes('--json')))
}

const ioOf = (json: boolean): Io => {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort())
  return {
    env: process.env,
    signal: abort.signal,
    say: (line) => process.stderr.write(`${line}\n`),
    result: (value, text) => process.stdout.write(`${json ? toJson(value) : text}\n`),
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`${sentenceOf(error)}\n`)
    process.exitCode = exitCodeOf(error)
  },
)
