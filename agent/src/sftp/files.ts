// The files of the guests, as their tenants see them: what is asked for, in the guest's own terms.
import { randomBytes } from 'node:crypto'
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import type { FileEntry, FileView } from '@decloud/protocol/wire/files'
import type { Hex } from 'viem'
import { AgentError } from '../lib/errors.ts'
import type { EnterGuest } from '../ports/guest-login.ts'
import type { Log } from '../reconcile/ports.ts'
import { factsOf, type SftpCalls } from './calls.ts'
import { readFile } from './download.ts'
import { explainFile, filesError, isFailure, isMissing } from './errors.ts'
import { type LinkLimits, makeLinks } from './links.ts'
import type { Part, Parts } from './parts.ts'
import { targetOf, writeFile } from './upload.ts'

/** Of a listing: more would only slow the page that shows them. */
const MAX_ENTRIES = 5_000
/** Of one lease: uploads under way, and what others have left. */
const MOST_PARTS = 24
const LISTING_MS = 60_000
/** Characters; Linux allows 255 bytes. */
const LONGEST_NAME = 255

export type OpenFile = {
  name: string
  /** null for what has no size of its own. */
  size: number | null
  modifiedAt: number
  /** May be called once; a file of which nothing is read is closed by `close`. */
  read(from: number, to: number | null): Readable
  close(): void
}

/** Paths are absolute and clean, see `guestPathSchema`; every method rejects with an AgentError of `FILE_PROBLEMS`. */
export type Files = {
  /** @param path null for the home directory. */
  view(leaseId: Hex, path: string | null): Promise<FileView>
  open(leaseId: Hex, path: string): Promise<OpenFile>
  write(
    leaseId: Hex,
    path: string,
    body: AsyncIterable<Buffer>,
    replace: boolean,
  ): Promise<{ path: string; size: number }>
  mkdir(leaseId: Hex, path: string): Promise<void>
  rename(leaseId: Hex, from: string, to: string): Promise<void>
  remove(leaseId: Hex, path: string): Promise<void>
  /** Removes what uploads that were broken off have left in guests that can be entered. */
  sweep(): Promise<void>
  close(): Promise<void>
}

export const makeFiles = (deps: {
  enterGuest: EnterGuest
  parts: Parts
  /** Whether there is still a guest under the lease, running or not. */
  lives: (leaseId: Hex) => boolean
  log: Log
  limits?: LinkLimits
}): Files => {
  const { parts, log } = deps
  const links = makeLinks(deps.enterGuest, deps.limits)
  /** Of uploads under way. */
  const active = new Set<string>()

  const withLink = async <result>(
    leaseId: Hex,
    path: string,
    what: string,
    work: (calls: SftpCalls) => Promise<result>,
  ): Promise<result> => {
    const { calls, release } = await links.take(leaseId)
    try {
      return await work(calls)
    } catch (error) {
      throw explainFile(error, path, what)
    } finally {
      release()
    }
  }

  /** @returns whether it is gone; what is not stays in the book, for the next sweep. Rejects when nothing answers. */
  const discard = async (calls: SftpCalls, part: Part): Promise<boolean> => {
    try {
      await calls.unlink(part.path)
    } catch (error) {
      if (error instanceof AgentError) throw error
      if (!isMissing(error)) return false
    }
    parts.remove(part)
    return true
  }

  const tidy = (leaseId: Hex, own: readonly Part[]) =>
    withLink(leaseId, '~', 'delete', async (calls) => {
      let left = 0
      for (const part of own) if (!(await discard(calls, part))) left++
      if (left > 0) log.warn({ leaseId, left }, 'what uploads have left cannot be removed yet')
    })

  /** Leases that are being tidied up: one that answers slowly keeps no other waiting. */
  const tidying = new Set<Hex>()

  const write: Files['write'] = (leaseId, path, body, replace) =>
    withLink(leaseId, path, 'write', async (calls) => {
      const target = await targetOf(calls, path, replace)
      const name = `.decloud-upload-${randomBytes(8).toString('hex')}`
      const part = { leaseId, path: posix.join(posix.dirname(target.path), name) }
      if (parts.of(leaseId).length >= MOST_PARTS) throw untidy()
      parts.add(part)
      active.add(part.path)
      try {
        const size = await writeFile(calls, part.path, target, body)
        parts.remove(part)
        return { path: target.path, size }
      } catch (error) {
        await discard(calls, part).catch(() => undefined) // the first error is the one to tell
        throw error
      } finally {
        active.delete(part.path)
      }
    })

  const open: Files['open'] = async (leaseId, path) => {
    const { calls, release } = await links.take(leaseId)
    try {
      // To open a pipe or a device would wait, or do something.
      requireRegular(path, factsOf(await calls.stat(path)).kind)
      const handle = await calls.open(path, 'r')
      const { size, modifiedAt } = factsOf(await calls.fstat(handle))
      return {
        ...{ name: posix.basename(path), size: size === 0 ? null : size, modifiedAt },
        read: (from, to) => readFile(calls, handle, { path, from, to }, release),
        close: () => {
          calls.close(handle).then(release, release) // a handle that cannot be closed went with its connection
        },
      }
    } catch (error) {
      release()
      throw explainFile(error, path, 'read')
    }
  }

  return {
    view: (leaseId, path) =>
      withLink(leaseId, path ?? '~', 'read', async (calls) => {
        const real = await calls.realpath(path ?? '.')
        const facts = factsOf(await calls.stat(real))
        const listed = facts.kind === 'directory' ? await list(calls, real) : null
        return {
          ...{ path: real, ...facts },
          ...{ entries: listed?.entries ?? null, truncated: listed?.truncated ?? false },
        }
      }),
    open,
    write,
    mkdir: (leaseId, path) =>
      withLink(leaseId, path, 'make', async (calls) => {
        await calls.mkdir(path).catch(async (error: unknown) => {
          throw (await exists(calls, path)) ? taken(path) : error
        })
      }),
    rename: (leaseId, from, to) =>
      withLink(leaseId, from, 'rename', async (calls) => {
        await calls.rename(from, to).catch(async (error: unknown) => {
          throw isFailure(error) && (await exists(calls, to)) ? taken(to) : error
        })
      }),
    remove: (leaseId, path) =>
      withLink(leaseId, path, 'delete', async (calls) => {
        if (factsOf(await calls.lstat(path)).kind !== 'directory') {
          await calls.unlink(path)
          return
        }
        await calls.rmdir(path).catch(async (error: unknown) => {
          throw isFailure(error) && (await list(calls, path, 1)).entries.length > 0 ? notEmpty(path) : error
        })
      }),
    sweep: async () => {
      const left = Map.groupBy(
        parts.all().filter(({ path }) => !active.has(path)),
        ({ leaseId }) => leaseId,
      )
      await Promise.all(
        [...left].map(async ([leaseId, own]) => {
          if (tidying.has(leaseId)) return
          tidying.add(leaseId)
          try {
            if (deps.lives(leaseId))
              await tidy(leaseId, own).catch(() => undefined) // at the next sweep
            else for (const part of own) parts.remove(part)
          } finally {
            tidying.delete(leaseId)
          }
        }),
      )
    },
    close: () => links.close(),
  }
}

/** What answers is the tenant's own: it may go on for ever, and its names may be of any length. */
const list = async (calls: SftpCalls, path: string, limit = MAX_ENTRIES) => {
  const handle = await calls.opendir(path)
  const entries: FileEntry[] = []
  let ended = false
  try {
    const untilMs = performance.now() + LISTING_MS
    // Of an honest server's answers two at most hold no entry: `.` and `..` may come alone.
    for (let idle = 0; idle <= 2 && entries.length <= limit && performance.now() < untilMs; ) {
      const before = entries.length
      const some = await calls.readdir(handle)
      ended = some === null
      if (some === null) break
      for (const { filename, attrs } of some) {
        if (filename.length > LONGEST_NAME) throw overlong(path)
        if (filename !== '.' && filename !== '..') entries.push({ name: filename, ...factsOf(attrs) })
      }
      if (entries.length === before) idle++
    }
  } finally {
    await calls.close(handle).catch(() => undefined) // a handle that cannot be closed went with its connection
  }
  const truncated = !ended || entries.length > limit
  const byName = (a: FileEntry, b: FileEntry) => (a.name < b.name ? -1 : 1)
  return { entries: entries.slice(0, limit).sort(byName), truncated }
}

const exists = (calls: SftpCalls, path: string): Promise<boolean> =>
  calls.lstat(path).then(
    () => true,
    () => false, // whatever it is, it does not explain the refusal
  )

const requireRegular = (path: string, kind: FileEntry['kind']) => {
  const name = JSON.stringify(path)
  if (kind === 'directory') throw filesError('file-is-directory', `${name} is a directory.`)
  if (kind !== 'file')
    throw filesError('file-not-regular', `${name} is no regular file: it cannot be downloaded.`)
}
const taken = (path: string) => filesError('file-exists', `${JSON.stringify(path)} exists already.`)
const untidy = () =>
  filesError('file-too-many', 'Too much is left in the guest by uploads that were broken off.', {
    hint: 'It is removed within a minute, where the guest lets this user remove it.',
  })
const overlong = (path: string) =>
  filesError('guest-failed', `The guest lists names in ${JSON.stringify(path)} that no directory can hold.`)
const notEmpty = (path: string) =>
  filesError('directory-not-empty', `${JSON.stringify(path)} is not empty.`, {
    hint: 'Delete what is in it first, or use `rm -r` in the terminal.',
  })
