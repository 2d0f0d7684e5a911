#!/usr/bin/env node
import { runLine } from './line.ts'

const abort = new AbortController()
let caught: NodeJS.Signals | null = null
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    caught = signal
    abort.abort()
  })
}

// Whoever reads has seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  abort.abort()
})

process.exitCode = await runLine(process.argv.slice(2), {
  env: process.env,
  signal: abort.signal,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
})
// What is still open then is a request that nobody waits for: the signal, no longer caught, ends it.
if (caught !== null && process.exitCode !== 0) process.kill(process.pid, caught)
