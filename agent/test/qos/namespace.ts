// A network namespace that lives as long as this process, and so leaves nothing behind when it is killed: the program
// in it reads a pipe that breaks with us.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Namespace = {
  /** Runs the rest of its arguments in the namespace. */
  readonly within: readonly string[]
  readonly pid: number
  run(...command: [string, ...string[]]): Promise<string>
  close(): Promise<void>
}

/** Why there can be none, as one sentence; null when there can. */
export const namespaceMissing = async (): Promise<string | null> => {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  return run('unshare', ['--net', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'handle', '1:', 'htb']).then(
    () => null,
    () => 'this kernel has no network namespaces, or no HTB',
  )
}

export const makeNamespace = async (): Promise<Namespace> => {
  const holder: ChildProcess = spawn('unshare', ['--net', 'sh', '-c', 'echo up; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(holder, 'exit')
  await Promise.race([
    once(holder.stdout!, 'data'),
    exited.then(() => Promise.reject(new Error('unshare ended'))),
  ])
  const within = ['nsenter', '-t', String(holder.pid), '-n']
  return {
    within,
    pid: holder.pid!,
    run: async (...command) => {
      const [program, ...args] = [...within, ...command]
      return (await run(program!, args, { timeout: 10_000 })).stdout
    },
    close: async () => {
      holder.stdin?.end()
      await exited
    },
  }
}
