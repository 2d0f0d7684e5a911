// A command line, from its words to its exit code: the one place where errors become sentences.
import { AgentError } from '../lib/errors.ts'
import { exitCodeOf, failureOf, toJson, wordsOf } from './failure.ts'
import { findVerb, parseVerb } from './find.ts'
import { groupHelp, overview, verbHelp } from './help.ts'
import { EXIT, type Io, type Verb } from './verb.ts'
import { VERBS } from './verbs.ts'

/** What a command line has of the process around it. */
export type Host = Pick<Io, 'env' | 'signal'> & {
  /** Text as it is, line ends included. */
  out(text: string): void
  err(text: string): void
}

const HELP: ReadonlySet<string> = new Set(['--help', '-h', 'help'])

/** @returns the exit code; never throws. */
export const runLine = async (argv: readonly string[], host: Host): Promise<number> => {
  try {
    return await run(argv, host)
  } catch (error) {
    if (argv.includes('--json')) host.out(`${toJson(failureOf(error))}\n`)
    host.err(`${wordsOf(error)}\n`)
    return exitCodeOf(error)
  }
}

const run = async (argv: readonly string[], host: Host): Promise<number> => {
  const [first] = argv
  if (first === undefined || (HELP.has(first) && argv.length === 1)) {
    host.out(overview())
    return first === undefined ? EXIT.person : EXIT.done
  }
  const asked = first === 'help' ? argv.slice(1) : argv.filter((word) => word !== '-h' && word !== '--help')
  const wantsHelp = asked.length < argv.length
  const found = findVerb(asked)
  if (found.kind === 'group') {
    host.out(groupHelp(found.name))
    return wantsHelp ? EXIT.done : EXIT.person
  }
  const verb = await VERBS[found.name]!.load()
  if (wantsHelp) {
    host.out(verbHelp(found.name, verb))
    return EXIT.done
  }
  const { values, words, given } = parseVerb(verb, found.args)
  const json = values['json'] === true
  const io: Io = {
    ...{ env: host.env, signal: host.signal, json, words, given },
    say: (line) => host.err(`${line}\n`),
    line: (text) => host.out(`${text}\n`),
    result: (value, text) => host.out(`${json ? toJson(value) : text}\n`),
  }
  const work = verb.run(io, values)
  return verb.brief ? orInterrupted(work, host.signal) : work
}

/** A brief verb holds nothing but what its process holds. Time to close is given all the same. */
const GRACE_MS = 2_000

const orInterrupted = (work: ReturnType<Verb['run']>, signal: AbortSignal): Promise<number> =>
  new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const onAbort = () => {
      timer = setTimeout(() => reject(new AgentError('interrupted', 'Interrupted.')), GRACE_MS)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort)
      clearTimeout(timer)
    })
  })
