// The log in systemd's journal, which keeps each line as the agent wrote it.
import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { AgentError } from '../lib/errors.ts'
import type { Wanted } from './file.ts'

const UNIT = 'decloud-node.service'
const ASK_MS = 5_000
/** A level or a time leaves out lines that the journal cannot tell apart: more are asked of it than are shown. */
const MOST_ASKED = 100_000

/** Whether the journal knows of the unit. */
export const inJournal = (): Promise<boolean> =>
  new Promise((resolve) => {
    const args = ['-u', UNIT, '-n', '1', '-q', '--no-pager', '-o', 'cat']
    execFile('journalctl', args, { timeout: ASK_MS }, (error, stdout) =>
      resolve(error === null && stdout !== ''),
    )
  })

/** @throws AgentError `log-unreadable`. */
export const readJournal = async (
  wanted: Wanted & { readonly sinceMs?: number },
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<void> => {
  const since = wanted.sinceMs === undefined ? [] : ['--since', `@${Math.floor(wanted.sinceMs / 1_000)}`]
  const last: string[] = []
  let cursor: string | null = null
  await run(['-n', `${MOST_ASKED}`, '--show-cursor', ...since], signal, (line) => {
    cursor = /^-- cursor: (.+)$/.exec(line)?.[1] ?? cursor
    if (line.startsWith('-- cursor: ') || !wanted.passes(line)) return
    last.push(line)
    if (last.length > wanted.lines) last.shift()
  })
  for (const line of last) tell(line)
  if (!wanted.follow || signal.aborted) return
  await run(['-f', ...(cursor === null ? ['-n', '0'] : [`--after-cursor=${cursor}`])], signal, (line) => {
    if (wanted.passes(line)) tell(line)
  })
}

const run = (args: readonly string[], signal: AbortSignal, tell: (line: string) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const all = ['-u', UNIT, '-q', '--no-pager', '-o', 'cat', ...args]
    const child = spawn('journalctl', all, { stdio: ['ignore', 'pipe', 'pipe'], signal })
    createInterface({ input: child.stdout }).on('line', tell)
    let said = ''
    child.stderr.on('data', (part: Buffer) => {
      said = `${said}${part}`.slice(-1_000)
    })
    const failed = (why: string, cause?: unknown) => {
      if (signal.aborted) return resolve()
      reject(
        new AgentError('log-unreadable', `The journal cannot be read: ${why.trim()}.`, {
          hint: 'Run this as root, or as a user in the group systemd-journal.',
          cause,
        }),
      )
    }
    child.once('error', (cause) => failed(cause.message, cause))
    child.once('close', (code) => (code === 0 ? resolve() : failed(said || `journalctl ended with ${code}`)))
  })
