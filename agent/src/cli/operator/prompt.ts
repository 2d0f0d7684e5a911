// Questions to a person at a terminal. Where there is none, nothing is asked: the command says which option answers.
import { createInterface } from 'node:readline/promises'
import { DecloudError } from '@decloud/protocol'
import { type Io, UsageError } from '../verb.ts'

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const BACKSPACES: ReadonlySet<string> = new Set(['\x7f', '\b'])

const interrupted = () => new DecloudError('interrupted', 'Interrupted: nothing was done.')

/**
 * Asks for a secret without showing it.
 * @param instead how to give it where there is no terminal.
 * @throws UsageError without a terminal; DecloudError `interrupted`.
 */
export const askSecret = async (question: string, instead: string): Promise<string> => {
  const { stdin } = process
  if (!stdin.isTTY) throw new UsageError(`There is no terminal to ask at: ${question}.`, instead)
  // Before the question is there to be answered: what is typed at once is not shown either.
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  process.stderr.write(`${question}: `)
  try {
    return await readLine(stdin)
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    process.stderr.write('\n')
  }
}

const readLine = (stdin: NodeJS.ReadStream): Promise<string> =>
  new Promise((resolve, reject) => {
    let line = ''
    const finish = (end: () => void) => {
      stdin.removeListener('data', onData)
      end()
    }
    const onData = (chunk: string) => {
      for (const key of chunk) {
        if (key === CTRL_C || (key === CTRL_D && line === '')) return finish(() => reject(interrupted()))
        if (key === '\r' || key === '\n' || key === CTRL_D) return finish(() => resolve(line))
        line = BACKSPACES.has(key) ? line.slice(0, -1) : line + key
      }
    }
    stdin.on('data', onData)
    stdin.resume()
  })

/**
 * Shows what is about to be done and waits for a yes.
 * @throws UsageError without a terminal; DecloudError `declined`, `interrupted`.
 */
export const confirm = async (io: Io, summary: readonly string[], yes: boolean): Promise<void> => {
  if (yes) return
  for (const line of summary) io.say(line)
  if (!process.stdin.isTTY) {
    throw new UsageError('This asks before it acts, and there is no terminal to ask at.', 'Give --yes.')
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question('Go ahead? [y/N] ', { signal: io.signal })
    if (/^y(es)?$/i.test(answer.trim())) return
  } catch (cause) {
    // Ctrl-C and Ctrl-D at the question itself are readline's.
    if (io.signal.aborted || (cause instanceof Error && cause.name === 'AbortError')) throw interrupted()
    throw cause
  } finally {
    terminal.close()
  }
  throw new DecloudError('declined', 'Nothing was done.')
}
