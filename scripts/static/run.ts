import { spawn } from 'node:child_process'
import { DecloudError } from '@decloud/protocol'

export type Ran = { code: number; stdout: string; stderr: string; timedOut: boolean }
type Options = { seconds: number; signal: AbortSignal; env?: Record<string, string>; cwd?: string }

// Solvers are children of children: the group is what has to end.
const endGroup = (pid: number | undefined) => {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/**
 * Runs a tool to its end, or to its deadline, and leaves no process of it behind.
 * @param options `seconds` until it is ended; `env` beside the own environment.
 */
export const run = (command: string, args: readonly string[], options: Options): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const ran: Ran = { code: 1, stdout: '', stderr: '', timedOut: false }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      ran.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      ran.stderr += text
    })
    const stop = () => endGroup(child.pid)
    const timer = setTimeout(() => {
      ran.timedOut = true
      stop()
    }, options.seconds * 1000)
    options.signal.addEventListener('abort', stop, { once: true })
    const settle = () => {
      clearTimeout(timer)
      options.signal.removeEventListener('abort', stop)
    }
    child.on('error', (cause) => {
      settle()
      reject(new DecloudError('static/no-tool', `${command} could not be started.`, { cause }))
    })
    child.on('close', (code) => {
      settle()
      stop()
      if (options.signal.aborted) reject(new DecloudError('static/stopped', 'The audit was stopped.'))
      else resolve({ ...ran, code: code ?? 1 })
    })
  })
