#!/usr/bin/env node
import { runLine } from './line.ts'
import { EXIT } from './verb.ts'

const abort = new AbortController()
let caught: NodeJS.Signals | null = null
let unwritten = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    caught = signal
    abort.abort()
  })
}

// Whoever reads has seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  abort.abort()
  if (error.code !== 'EPIPE') fail(`The result cannot be written: ${error.message}.`)
})
// Nobody is there to be told.
process.stderr.on('error', () => {})

/** What was done is done; that its result went nowhere is a failure all the same. */
const fail = (sentence: string) => {
  if (unwritten) return
  unwritten = true
  process.exitCode = EXIT.failed
  process.stderr.write(`${sentence}\n`)
}

const code = await runLine(process.argv.slice(2), {
  env: process.env,
  signal: abort.signal,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
})
process.exitCode = unwritten ? EXIT.failed : code
// What is still open then is a request that nobody waits for: the signal, no longer caught, ends it.
if (caught !== null && process.exitCode !== 0) process.kill(process.pid, caught)
