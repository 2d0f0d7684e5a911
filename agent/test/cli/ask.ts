// A verb that only asks, for a terminal to answer.
import { exitCodeOf, wordsOf } from '../../src/cli/failure.ts'
import { confirm } from '../../src/cli/operator/prompt.ts'

const io = {
  ...{ given: {}, env: process.env, json: false, words: [], signal: new AbortController().signal },
  say: (line: string) => process.stderr.write(`${line}\n`),
  result: () => {},
  line: () => {},
}
try {
  await confirm(io, ['this would be done'], false)
  process.stdout.write('confirmed\n')
} catch (error) {
  process.stderr.write(`${wordsOf(error)}\n`)
  process.exitCode = exitCodeOf(error)
}
