import { execFile } from 'node:child_process'
import { AgentError } from '../lib/errors.ts'

const DEADLINE_MS = 5_000
/** What the tools say of a device that has just gone with its guest. */
const GONE = /cannot find (bridge )?device|does not exist|no such device/i

export type Tools = {
  /** @returns what it printed; null when the device is gone. @throws AgentError `shaping-failed`, `shaping-unusable`. */
  run(
    tool: 'bridge' | 'ip' | 'tc' | 'unshare',
    args: readonly string[],
    stdin?: string,
  ): Promise<string | null>
}

/** @param within a command that runs another one elsewhere, such as `nsenter -t 4711 -n`. */
export const makeTools = (within: readonly string[] = []): Tools => ({
  run: (tool, args, stdin) =>
    new Promise((resolve, reject) => {
      const [program = tool, ...rest] = [...within, tool, ...args]
      // In the language that the sentences above are in; sbin is not in every user's path.
      const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
      const child = execFile(program, rest, { timeout: DEADLINE_MS, env }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else if (GONE.test(stderr)) resolve(null)
        else reject(failure(tool, error, stderr))
      })
      child.stdin?.on('error', () => {}) // a tool that refuses its first line does not read the rest: its exit tells
      child.stdin?.end(stdin ?? '')
    }),
})

const failure = (tool: string, cause: Error & { code?: unknown }, stderr: string) =>
  cause.code === 'ENOENT'
    ? new AgentError(
        'shaping-unusable',
        `The node has no ${tool} to limit the bandwidth of its guests with.`,
        {
          hint: 'Install the package iproute2.',
          cause,
        },
      )
    : new AgentError(
        'shaping-failed',
        'The node could not limit the bandwidth of the guest; it tries again.',
        {
          cause: new AgentError('tool-failed', `${tool}: ${stderr.trim() || cause.message}`, { cause }),
        },
      )
