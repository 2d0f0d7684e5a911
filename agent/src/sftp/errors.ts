// What the guest's SFTP server says → what went wrong, in words.
import type { FileProblem } from '@decloud/protocol/wire/files'
import { AgentError } from '../lib/errors.ts'

/** draft-ietf-secsh-filexfer-02, section 7. Everything else that can go wrong is FAILURE there. */
const STATUS = { eof: 1, noSuchFile: 2, permissionDenied: 3, failure: 4 } as const

export const filesError = (
  code: FileProblem,
  message: string,
  options?: { hint?: string; cause?: unknown },
) => new AgentError(code, message, options)

const statusOf = (error: unknown): number | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null

export const isMissing = (error: unknown): boolean => statusOf(error) === STATUS.noSuchFile
/** The operating system of the guest refused, and the protocol has no word for why. */
export const isFailure = (error: unknown): boolean => statusOf(error) === STATUS.failure
export const isEnd = (error: unknown): boolean => statusOf(error) === STATUS.eof

/** @param what of the path, for the sentence. An AgentError stays what it is. */
export const explainFile = (error: unknown, path: string, what: string): AgentError => {
  if (error instanceof AgentError) return error
  const name = JSON.stringify(path)
  if (isMissing(error))
    return filesError('file-missing', `There is no ${name} in the guest.`, { cause: error })
  if (statusOf(error) === STATUS.permissionDenied) {
    return filesError('file-forbidden', `The guest does not let this user ${what} ${name}.`, {
      hint: 'In the terminal, `sudo` can; or give the file to this user.',
      cause: error,
    })
  }
  if (statusOf(error) === null) {
    return filesError('guest-unreachable', 'The connection to the guest broke.', {
      hint: 'Try again; the guest may be rebooting.',
      cause: error,
    })
  }
  const said = error instanceof Error ? error.message : String(error)
  return filesError('guest-failed', `The guest could not ${what} ${name}: ${said}.`, { cause: error })
}
