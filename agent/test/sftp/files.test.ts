// The files of a guest through OpenSSH's own sftp-server, over a real SSH connection.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { openDatabase } from '@decloud/chain'
import ssh2 from 'ssh2'
import type { Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Files, makeFiles } from '../../src/sftp/files.ts'
import { LINK_LIMITS, type LinkLimits } from '../../src/sftp/links.ts'
import { makeParts, type Parts } from '../../src/sftp/parts.ts'
import { noSftpServer, type SshGuest, startSshGuest } from '../helpers/ssh-guest.ts'

const skipped = noSftpServer()
if (skipped !== undefined) console.warn(`SKIPPED: the files of a guest: ${skipped}`)

const LEASE: Hex = `0x${'a1'.repeat(32)}`
const NEIGHBOUR: Hex = `0x${'b2'.repeat(32)}`
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const MIB = 1 << 20

describe.skipIf(skipped !== undefined)('files of a guest', () => {
  let stack: AsyncDisposableStack
  let guest: SshGuest
  let home: string
  let files: Files
  let parts: Parts
  let alive: boolean

  const make = (limits: Partial<LinkLimits> = {}) => {
    const made = makeFiles({
      enterGuest: async () => guest.login,
      ...{ parts, lives: () => alive, log: quiet, limits: { ...LINK_LIMITS, ...limits } },
    })
    stack.defer(() => made.close())
    return made
  }

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    alive = true
    home = await realpath(await mkdtemp(join(tmpdir(), 'decloud-home-')))
    stack.defer(() => rm(home, { recursive: true, force: true }))
    guest = await startSshGuest({ home })
    stack.defer(() => guest.close())
    const db = openDatabase(':memory:')
    stack.defer(() => void db.close())
    parts = makeParts(db)
    files = make()
  })
  afterEach(() => stack.disposeAsync())

  const at = (name: string) => join(home, name)
  const pieces = (bytes: Buffer, size: number) => {
    const all: Buffer[] = []
    for (let from = 0; from < bytes.length; from += size) all.push(bytes.subarray(from, from + size))
    return Readable.from(all)
  }
  const put = (name: string, bytes: Buffer | string, replace = true) =>
    files.write(LEASE, at(name), Readable.from([Buffer.from(bytes)]), replace)
  const get = async (name: string, from = 0, to: number | null = null) => {
    const opened = await files.open(LEASE, at(name))
    return buffer(opened.read(from, to ?? opened.size))
  }

  test('megabytes go up and come down unchanged, whatever the pieces, and any part of them', async () => {
    const bytes = randomBytes(5 * MIB + 4_711)
    for (const size of [1_000_003, 65_536, 7_001]) {
      const written = await files.write(LEASE, at('blob'), pieces(bytes, size), true)
      expect(written).toEqual({ path: at('blob'), size: bytes.length })
      expect(
        createHash('sha256')
          .update(await readFile(at('blob')))
          .digest('hex'),
      ).toBe(createHash('sha256').update(bytes).digest('hex'))
    }
    expect((await get('blob')).equals(bytes)).toBe(true)
    for (const [from, to] of [
      [0, 1],
      [65_535, 65_537],
      [3 * MIB + 1, 5 * MIB + 4_711],
    ] as const) {
      expect((await get('blob', from, to)).equals(bytes.subarray(from, to))).toBe(true)
    }
    expect(await readdir(home)).toEqual(['blob'])
    expect(parts.all()).toEqual([])
    // One connection served them all.
    expect(guest.connections().made).toBe(1)
  })

  test('a listing says what is what, follows links, sorts, and begins at home', async () => {
    await mkdir(at('b'))
    await writeFile(at('a.txt'), 'hello')
    await chmod(at('a.txt'), 0o640)
    await symlink('b', at('c'))
    const view = await files.view(LEASE, null)
    expect(view).toMatchObject({ path: home, kind: 'directory', truncated: false })
    expect(view.entries).toMatchObject([
      { name: 'a.txt', kind: 'file', size: 5, mode: 0o640 },
      { name: 'b', kind: 'directory' },
      { name: 'c', kind: 'link' },
    ])
    const { mtimeMs } = await stat(at('a.txt'))
    expect(view.entries?.[0]?.modifiedAt).toBe(Math.floor(mtimeMs / 1000))
    expect(await files.view(LEASE, at('c'))).toMatchObject({ path: at('b'), kind: 'directory', entries: [] })
    expect(await files.view(LEASE, at('a.txt'))).toMatchObject({ kind: 'file', size: 5, entries: null })
    // Names of one file: a listing is of names, and thousands of files take a disk seconds to make.
    await Promise.all(Array.from({ length: 5_010 }, (_, i) => link(at('a.txt'), at(`b/${i}`))))
    const many = await files.view(LEASE, at('b'))
    expect([many.entries?.length, many.truncated]).toEqual([5_000, true])
  })

  test('a question is answered as fast as the guest does, not when TCP thinks it time to acknowledge', async () => {
    await writeFile(at('file'), 'x')
    const took: number[] = []
    for (let nth = 0; nth < 40; nth++) {
      const asked = performance.now()
      await files.view(LEASE, at('file'))
      took.push(performance.now() - asked)
    }
    // Linux acknowledges at once in a connection's first moments, and 40 ms late from then on. Of many the fastest: a busy
    // machine slows some of them, that delay each one.
    expect(Math.min(...took.slice(20))).toBeLessThan(30)
  })

  test('every refusal has its own word', async () => {
    await mkdir(at('dir'))
    await mkdir(at('dir/inner'))
    await writeFile(at('file'), 'x')
    const { execFile } = await import('node:child_process')
    await once(execFile('mkfifo', [at('pipe')]), 'exit')
    const cases: readonly [what: string, code: string, attempt: () => Promise<unknown>][] = [
      ['view', 'file-missing', () => files.view(LEASE, at('nowhere'))],
      ['download', 'file-missing', () => files.open(LEASE, at('nowhere'))],
      ['download', 'file-is-directory', () => files.open(LEASE, at('dir'))],
      ['download', 'file-not-regular', () => files.open(LEASE, at('pipe'))],
      ['download', 'file-not-regular', () => files.open(LEASE, '/dev/zero')],
      ['upload', 'file-is-directory', () => put('dir', 'x')],
      ['upload', 'file-not-regular', () => put('pipe', 'x')],
      ['upload', 'file-missing', () => put('nowhere/file', 'x')],
      ['upload', 'file-exists', () => put('file', 'y', false)],
      ['mkdir', 'file-exists', () => files.mkdir(LEASE, at('dir'))],
      ['mkdir', 'file-missing', () => files.mkdir(LEASE, at('nowhere/inner'))],
      ['rename', 'file-exists', () => files.rename(LEASE, at('file'), at('pipe'))],
      ['rename', 'file-missing', () => files.rename(LEASE, at('nowhere'), at('here'))],
      ['delete', 'directory-not-empty', () => files.remove(LEASE, at('dir'))],
      ['delete', 'file-missing', () => files.remove(LEASE, at('nowhere'))],
    ]
    for (const [what, code, attempt] of cases) {
      await expect(attempt(), `${what}: ${code}`).rejects.toMatchObject({ code })
    }
    expect(await readFile(at('file'), 'utf8')).toBe('x')
    expect((await readdir(home)).sort()).toEqual(['dir', 'file', 'pipe'])
    expect(parts.all()).toEqual([])
  })

  test('directories are made, things renamed and deleted', async () => {
    await files.mkdir(LEASE, at('dir'))
    await put('file', 'x')
    await files.rename(LEASE, at('file'), at('dir/moved'))
    await symlink('dir', at('link'))
    await files.remove(LEASE, at('link'))
    expect(await readdir(at('dir'))).toEqual(['moved'])
    await files.remove(LEASE, at('dir/moved'))
    await files.remove(LEASE, at('dir'))
    expect(await readdir(home)).toEqual([])
  })

  test('an upload keeps the mode of what it replaces, and writes through a link', async () => {
    await writeFile(at('script'), 'old')
    await chmod(at('script'), 0o755)
    await symlink('script', at('link'))
    expect(await put('link', 'new')).toEqual({ path: at('script'), size: 3 })
    expect((await stat(at('script'))).mode & 0o777).toBe(0o755)
    expect(await readFile(at('script'), 'utf8')).toBe('new')
    await put('fresh', '')
    expect((await stat(at('fresh'))).mode & 0o777).toBe(0o644)
    await symlink('nowhere', at('dangling'))
    await put('dangling', 'real')
    expect(await readFile(at('dangling'), 'utf8')).toBe('real')
  })

  test('an upload that is broken off leaves what was there, and nothing else', async () => {
    await writeFile(at('kept'), 'old')
    async function* body() {
      for (let i = 0; i < 40; i++) yield randomBytes(64 * 1024)
      throw new Error('the browser left')
    }
    await expect(files.write(LEASE, at('kept'), body(), true)).rejects.toMatchObject({
      code: 'upload-cut-off',
    })
    expect(await readdir(home)).toEqual(['kept'])
    expect(await readFile(at('kept'), 'utf8')).toBe('old')
    expect(parts.all()).toEqual([])
  })

  test('what an upload leaves when the guest goes away is removed at the next sweep', async () => {
    async function* body() {
      for (let i = 0; ; i++) {
        yield randomBytes(64 * 1024)
        if (i === 40) guest.cut()
      }
    }
    await expect(files.write(LEASE, at('lost'), body(), true)).rejects.toMatchObject({
      code: 'guest-unreachable',
    })
    const [left = ''] = await readdir(home)
    expect(left).toMatch(/^\.decloud-upload-/)
    expect(parts.all()).toEqual([{ leaseId: LEASE, path: at(left) }])
    await make().sweep()
    expect(await readdir(home)).toEqual([])
    expect(parts.all()).toEqual([])

    parts.add({ leaseId: LEASE, path: at('gone-with-its-disk') })
    alive = false
    await files.sweep()
    expect(parts.all()).toEqual([])
  })

  test('a download that nobody goes on with reads no further, and gives its place back', async () => {
    await writeFile(at('sparse'), '')
    await truncate(at('sparse'), 2 ** 34)
    const one = make({ perLease: 1 })
    const opened = await one.open(LEASE, at('sparse'))
    expect(opened.size).toBe(2 ** 34)
    await expect(one.open(LEASE, at('sparse'))).rejects.toMatchObject({ code: 'file-too-many' })
    const body = opened.read(2 ** 34 - 10, 2 ** 34)
    expect(await buffer(body)).toEqual(Buffer.alloc(10))
    const again = await one.open(LEASE, at('sparse'))
    const stream = again.read(0, again.size)
    await once(stream, 'readable')
    stream.destroy()
    await once(stream, 'close')
    const last = await one.open(LEASE, at('sparse'))
    last.close()
    await expect.poll(() => one.view(LEASE, at('sparse')).then(({ kind }) => kind)).toBe('file')
  })

  test('whoever takes all places of the node keeps no neighbour out', async () => {
    await writeFile(at('shared'), 'x')
    const node = make({ perLease: 2, perNode: 2 })
    const taken = [await node.open(LEASE, at('shared')), await node.open(LEASE, at('shared'))]
    const first = await node.open(NEIGHBOUR, at('shared'))
    await expect(node.open(NEIGHBOUR, at('shared'))).rejects.toMatchObject({ code: 'file-too-many' })
    for (const opened of [...taken, first]) opened.close()
    await node.close()
  })

  test('a file that shrinks under a download ends it with an error; what the kernel makes up is read to its end', async () => {
    await writeFile(at('log'), Buffer.alloc(8 * MIB))
    const opened = await files.open(LEASE, at('log'))
    await truncate(at('log'), MIB)
    await expect(buffer(opened.read(0, opened.size))).rejects.toMatchObject({ code: 'guest-failed' })
    const made = await files.open(LEASE, '/proc/version')
    expect(made.size).toBeNull()
    expect((await buffer(made.read(0, null))).toString()).toBe(await readFile('/proc/version', 'utf8'))
  })

  test('a guest whose connection breaks fails what waits, and is entered anew by the next', async () => {
    await put('file', 'x'.repeat(MIB))
    const opened = await files.open(LEASE, at('file'))
    guest.cut()
    await expect(buffer(opened.read(0, opened.size))).rejects.toMatchObject({ code: 'guest-unreachable' })
    expect((await get('file')).length).toBe(MIB)
    expect(guest.connections().made).toBe(2)
  })

  test('a link that nobody uses is given up', async () => {
    const brief = make({ keptMs: 50 })
    await brief.view(LEASE, null)
    await expect.poll(() => guest.connections().open, { timeout: 10_000 }).toBe(0)
    await brief.view(LEASE, null)
    await brief.close()
    await expect.poll(() => guest.connections().open, { timeout: 10_000 }).toBe(0)
    await expect(brief.view(LEASE, null)).rejects.toMatchObject({ code: 'file-too-many' })
  })
})

describe.skipIf(process.getuid?.() !== 0 || skipped !== undefined)('a guest whose disk is full', () => {
  test('says so, and keeps what was there', async () => {
    const { execFile } = await import('node:child_process')
    const { promisify } = await import('node:util')
    const run = promisify(execFile)
    await using stack = new AsyncDisposableStack()
    const home = await realpath(await mkdtemp(join(tmpdir(), 'decloud-full-')))
    stack.defer(() => rm(home, { recursive: true, force: true }))
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', home])
    stack.defer(async () => void (await run('umount', [home])))
    await writeFile(join(home, 'kept'), 'old')
    const guest = await startSshGuest({ home })
    stack.defer(() => guest.close())
    const db = openDatabase(':memory:')
    const files = makeFiles({
      enterGuest: async () => guest.login,
      ...{ parts: makeParts(db), lives: () => true, log: quiet },
    })
    stack.defer(() => files.close())
    const body = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(64 * 1024, 1)))
    await expect(files.write(LEASE, join(home, 'kept'), body, true)).rejects.toMatchObject({
      code: 'guest-no-space',
    })
    expect(await readdir(home)).toEqual(['kept'])
    expect(await readFile(join(home, 'kept'), 'utf8')).toBe('old')
  })
})

describe('a guest whose SFTP server is its tenant’s own invention', () => {
  const DIRECTORY = 0o040755
  const served = async (stack: AsyncDisposableStack, names: (round: number) => readonly string[] | null) => {
    let rounds = 0
    let removals = 0
    const guest = await startSshGuest({
      sftp: (sftp) => {
        const attrs = { mode: DIRECTORY, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 }
        const entry = (filename: string) => ({ filename, longname: filename, attrs })
        sftp.on('REALPATH', (id) => sftp.name(id, [entry('/odd')]))
        sftp.on('STAT', (id, path) => {
          if (path === '/odd') sftp.attrs(id, attrs)
          else sftp.status(id, ssh2.utils.sftp.STATUS_CODE.NO_SUCH_FILE)
        })
        sftp.on('OPENDIR', (id) => sftp.handle(id, Buffer.from('d')))
        sftp.on('OPEN', (id) => sftp.handle(id, Buffer.from('f')))
        sftp.on('WRITE', (id) => sftp.status(id, ssh2.utils.sftp.STATUS_CODE.OK))
        sftp.on('REMOVE', (id) => {
          removals++
          sftp.status(id, ssh2.utils.sftp.STATUS_CODE.PERMISSION_DENIED)
        })
        sftp.on('CLOSE', (id) => sftp.status(id, ssh2.utils.sftp.STATUS_CODE.OK))
        sftp.on('READDIR', (id) => {
          const some = names(rounds++)
          if (some === null) sftp.status(id, ssh2.utils.sftp.STATUS_CODE.EOF)
          else sftp.name(id, some.map(entry))
        })
      },
    })
    stack.defer(() => guest.close())
    const db = openDatabase(':memory:')
    stack.defer(() => void db.close())
    const parts = makeParts(db)
    const files = makeFiles({
      enterGuest: async () => guest.login,
      ...{ parts, lives: () => true, log: quiet },
    })
    stack.defer(() => files.close())
    return { files, parts, rounds: () => rounds, removals: () => removals }
  }

  test('cannot keep a listing busy for ever', async () => {
    await using stack = new AsyncDisposableStack()
    const { files, rounds } = await served(stack, () => ['.', '..'])
    expect(await files.view(LEASE, '/odd')).toMatchObject({ entries: [], truncated: true })
    expect(rounds()).toBeLessThan(10)
  })

  test('cannot fill the memory of the agent with names', async () => {
    await using stack = new AsyncDisposableStack()
    const long = 'x'.repeat(100_000)
    const { files, rounds } = await served(stack, (round) => (round < 5_000 ? [`${round}${long}`] : null))
    await expect(files.view(LEASE, '/odd')).rejects.toMatchObject({ code: 'guest-failed' })
    expect(rounds()).toBeLessThan(10)
    const honest = await served(stack, (round) => (round < 2 ? ['ü'.repeat(127), 'b'] : null))
    expect(await honest.files.view(LEASE, '/odd')).toMatchObject({ truncated: false })
  })

  test('cannot pile up what is to be tidied up in it, nor keep others from being tidied up', async () => {
    await using stack = new AsyncDisposableStack()
    const { files, parts, removals } = await served(stack, () => null)
    const broken = async function* () {
      yield Buffer.from('x')
      throw new Error('the browser left')
    }
    const code = (attempt: Promise<unknown>) =>
      attempt.then(
        () => 'written',
        (error: { code: string }) => error.code,
      )
    for (let i = 0; i < 23; i++) parts.add({ leaseId: LEASE, path: `/odd/left-${i}` })
    expect(await code(files.write(LEASE, '/odd/last', broken(), true))).toBe('upload-cut-off')
    expect(parts.all()).toHaveLength(24)
    expect(await code(files.write(LEASE, '/odd/more', broken(), true))).toBe('file-too-many')
    expect(parts.all()).toHaveLength(24)
    // Each is tried once: the second sweep does not begin beside the first.
    const before = removals()
    await Promise.all([files.sweep(), files.sweep()])
    expect(removals() - before).toBe(parts.all().length)
  })
})
