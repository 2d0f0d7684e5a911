// Tools of the machine that are asked what it is. One that is absent, hangs or fails leaves a reason, never an error.
import { execFile } from 'node:child_process'
import type { Known } from '@decloud/protocol/wire/facts'
import { unknown, value } from './known.ts'

const DEADLINE_MS = 5_000
/** How long a killed tool may take to be gone. */
const STUCK_MS = 1_000
const MAX_OUTPUT = 4 * 1024 * 1024

/** @returns what it printed. Never rejects. */
export type AskTool = (tool: string, args: readonly string[]) => Promise<Known<string>>

/** @param path where tools are looked for; sbin is not in every user's path. */
export const makeAskTool =
  (path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, deadlineMs = DEADLINE_MS): AskTool =>
  (tool, args) =>
    new Promise((resolve) => {
      // In the language that the parsers read. A tool that hangs may well ignore a polite request to end.
      const options = {
        env: { PATH: path, LC_ALL: 'C' },
        timeout: deadlineMs,
        killSignal: 'SIGKILL' as const,
        maxBuffer: MAX_OUTPUT,
      }
      const child = execFile(tool, [...args], options, (error, stdout, stderr) => {
        clearTimeout(stuck)
        if (error === null) resolve(value(stdout))
        else resolve(unknown(reasonOf(tool, deadlineMs, error, stderr)))
      })
      child.stdin?.end()
      // One that waits in the kernel for a dead device cannot be killed: it is left behind, and nobody waits with it.
      const stuck = setTimeout(() => {
        child.unref()
        resolve(unknown(`${tool} did not answer within ${deadlineMs / 1000} s, and cannot be ended.`))
      }, deadlineMs + STUCK_MS)
    })

const reasonOf = (
  tool: string,
  deadlineMs: number,
  error: Error & { code?: unknown; killed?: boolean },
  stderr: string,
): string => {
  if (error.code === 'ENOENT') return `${tool} is not installed.`
  if (error.code === 'EACCES') return `${tool} may not be run by this user.`
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `${tool} printed more than anybody reads.`
  if (error.killed) return `${tool} did not answer within ${deadlineMs / 1000} s.`
  const said = stderr.trim().split('\n').at(-1)
  return `${tool} failed${said ? `: ${said}` : ''}.`
}
