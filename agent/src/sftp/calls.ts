// ssh2's SFTP with promises, and a deadline for each request: a guest that hangs ends no request by itself.
import type { Attributes, FileEntryWithStats, InputAttributes, SFTPWrapper, Stats } from 'ssh2'
import { filesError, isEnd } from './errors.ts'

const REQUEST_MS = 60_000
/** A quarter of a gigabyte on a slow disk. */
const FLUSH_MS = 300_000

type Done<value> = (error: Error | null | undefined, value: value) => void

/** A request that is made, or waits, when the channel has ended would never be answered by ssh2. */
const callerOn = (sftp: SFTPWrapper) => {
  const waiting = new Set<(error: Error) => void>()
  let broken = false
  sftp.once('close', () => {
    broken = true
    for (const reject of [...waiting]) reject(cutOff())
  })
  return <value>(run: (done: Done<value>) => unknown, ms = REQUEST_MS): Promise<value> =>
    new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        clearTimeout(timer)
        waiting.delete(fail)
        finish()
      }
      const fail = (error: Error) => settle(() => reject(error))
      const timer = setTimeout(() => fail(stuck()), ms)
      waiting.add(fail)
      if (broken) {
        fail(cutOff())
        return
      }
      try {
        run((error, value) => (error == null ? settle(() => resolve(value)) : fail(error)))
      } catch (cause) {
        // What the server has no word for, ssh2 says at once.
        settle(() => reject(cause))
      }
    })
}

const cutOff = () =>
  filesError('guest-unreachable', 'The connection to the guest broke.', {
    hint: 'Try again; the guest may be rebooting.',
  })

const stuck = () =>
  filesError('guest-unreachable', 'The guest does not answer: its disk or its SSH server hangs.', {
    hint: 'Try again, or look at it through its serial console.',
  })

export type OpenMode = 'r' | 'wx'

/** Each rejects with what ssh2 says; see `explainFile`. */
export const callsOf = (sftp: SFTPWrapper) => {
  const call = callerOn(sftp)
  return {
    realpath: (path: string) => call<string>((done) => sftp.realpath(path, done)),
    /** Follows links. */
    stat: (path: string) => call<Stats>((done) => sftp.stat(path, done)),
    lstat: (path: string) => call<Stats>((done) => sftp.lstat(path, done)),
    open: (path: string, mode: OpenMode, attributes: InputAttributes = {}) =>
      call<Buffer>((done) => sftp.open(path, mode, attributes, done)),
    close: (handle: Buffer) => call<void>((done) => sftp.close(handle, done)),
    fstat: (handle: Buffer) => call<Stats>((done) => sftp.fstat(handle, done)),
    chmod: (handle: Buffer, mode: number) => call<void>((done) => sftp.fchmod(handle, mode, done)),
    /** Fewer bytes than asked for, none at the end; the bytes are in `into`. */
    read: (handle: Buffer, into: Buffer, at: number, position: number) =>
      call<number>((done) => sftp.read(handle, into, at, into.length - at, position, done)),
    write: (handle: Buffer, bytes: Buffer, position: number) =>
      call<void>((done) => sftp.write(handle, bytes, 0, bytes.length, position, done)),
    /** Nothing where the server has no word for it. */
    flush: (handle: Buffer) => call<void>((done) => sftp.ext_openssh_fsync(handle, done), FLUSH_MS),
    opendir: (path: string) => call<Buffer>((done) => sftp.opendir(path, done)),
    /** Some of the entries; null when there are no more. */
    readdir: (handle: Buffer) =>
      call<FileEntryWithStats[] | null>((done) =>
        sftp.readdir(handle, (error, list) => (isEnd(error) ? done(null, null) : done(error, list))),
      ),
    mkdir: (path: string) => call<void>((done) => sftp.mkdir(path, done)),
    rmdir: (path: string) => call<void>((done) => sftp.rmdir(path, done)),
    unlink: (path: string) => call<void>((done) => sftp.unlink(path, done)),
    /** Refuses a target that exists. */
    rename: (from: string, to: string) => call<void>((done) => sftp.rename(from, to, done)),
    /** Puts `from` in the place of `to` at once, which may exist. */
    replace: (from: string, to: string) => call<void>((done) => sftp.ext_openssh_rename(from, to, done)),
    /** Bytes that this user may still write on the file system of `path`. */
    freeBytes: async (path: string): Promise<number> => {
      const space = await call<{ f_frsize: number | bigint; f_bavail: number | bigint }>((done) =>
        sftp.ext_openssh_statvfs(path, done),
      )
      return Number(space.f_frsize) * Number(space.f_bavail)
    },
  }
}
export type SftpCalls = ReturnType<typeof callsOf>

const KIND_BITS = 0o170000
const KINDS = new Map<number, 'file' | 'directory' | 'link'>([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'link'],
])

/** A guest may claim anything: what it says is cut to what the figures can hold. */
export const factsOf = ({ mode, size, mtime }: Pick<Attributes, 'mode' | 'size' | 'mtime'>) => ({
  kind: KINDS.get((mode ?? 0) & KIND_BITS) ?? ('other' as const),
  size: Math.min(Math.max(0, size ?? 0), Number.MAX_SAFE_INTEGER),
  mode: (mode ?? 0) & 0o7777,
  modifiedAt: mtime ?? 0,
})
