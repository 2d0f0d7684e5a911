#!/usr/bin/env node
// The one place where words become a verb, and errors become sentences and exit codes.
import { sentenceOf } from '@decloud/protocol'
import type { Given } from '../config/config.ts'
import { exitCodeOf, failureOf, toJson } from './failure.ts'
import { findVerb, parseVerb } from './find.ts'
import { groupHelp, overview, verbHelp } from './help.ts'
import { EXIT, type Io } from './verb.ts'
import { VERBS } from './verbs.ts'

const HELP: ReadonlySet<string> = new Set(['--help', '-h', 'help'])

const main = async (argv: readonly string[]): Promise<number> => {
  const [first] = argv
  if (first === undefined || (HELP.has(first) && argv.length === 1)) {
    process.stdout.write(overview())
    return first === undefined ? EXIT.person : EXIT.done
  }
  const asked = first === 'help' ? argv.slice(1) : argv.filter((word) => word !== '-h' && word !== '--help')
  const wantsHelp = asked.length < argv.length
  const found = findVerb(asked)
  if (found.kind === 'group') {
    process.stdout.write(groupHelp(found.name))
    return wantsHelp ? EXIT.done : EXIT.person
  }
  const verb = await VERBS[found.name]!.load()
  if (wantsHelp) {
    process.stdout.write(verbHelp(found.name, verb))
    return EXIT.done
  }
  const { values, words, given } = parseVerb(verb, found.args)
  return verb.run(ioOf(values['json'] === true, words, given), values)
}

const ioOf = (json: boolean, words: readonly string[], given: Given): Io => {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort())
  // Whoever reads has seen enough, as `head` has.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    abort.abort()
  })
  return {
    env: process.env,
    json,
    words,
    given,
    signal: abort.signal,
    say: (line) => process.stderr.write(`${line}\n`),
    line: (text) => process.stdout.write(`${text}\n`),
    result: (value, text) => process.stdout.write(`${json ? toJson(value) : text}\n`),
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    if (process.argv.includes('--json')) process.stdout.write(`${toJson(failureOf(error))}\n`)
    process.stderr.write(`${sentenceOf(error)}\n`)
    process.exitCode = exitCodeOf(error)
  },
)
