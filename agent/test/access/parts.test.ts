import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeNames } from '../../src/access/names.ts'
import { keepOperatorToken, readOperatorToken } from '../../src/access/operator-token.ts'
import { makeTickets } from '../../src/access/tickets.ts'

describe("the operator's token", () => {
  let folder: string
  const file = () => join(folder, 'operator-token')
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decloud-token-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('is made at the first start, for its owner alone, and stays', async () => {
    const isToken = keepOperatorToken(folder)
    expect((await stat(file())).mode & 0o777).toBe(0o600)
    const token = readOperatorToken(folder)
    expect(token).toMatch(/^dco_[A-Za-z0-9_-]{43}$/)
    expect([isToken(token), isToken(`${token.slice(0, -1)}!`), isToken('')]).toEqual([true, false, false])
    expect(keepOperatorToken(folder)(token), 'after a restart').toBe(true)
    expect(await readdir(folder), 'no draft is left').toEqual(['operator-token'])
  })

  it('is not used when others may read it, and not when it is none', async () => {
    keepOperatorToken(folder)
    await chmod(file(), 0o640)
    expect(() => readOperatorToken(folder)).toThrow(
      expect.objectContaining({ code: 'operator-token-readable' }),
    )
    expect(() => keepOperatorToken(folder)).toThrow(
      expect.objectContaining({ code: 'operator-token-readable' }),
    )
    await chmod(file(), 0o600)
    await writeFile(file(), '')
    expect(() => keepOperatorToken(folder)).toThrow(
      expect.objectContaining({ code: 'operator-token-malformed' }),
    )
    expect(await readFile(file(), 'utf8'), 'nothing is overwritten').toBe('')
    await rm(file())
    expect(() => readOperatorToken(folder)).toThrow(
      expect.objectContaining({ code: 'operator-token-missing' }),
    )
  })
})

describe('tickets', () => {
  const LEASE = `0x${'11'.repeat(32)}` as const
  const issue = (tickets: ReturnType<typeof makeTickets>, session: string) =>
    tickets.issue({
      session,
      address: '0x00000000000000000000000000000000000000a1',
      leaseId: LEASE,
      use: 'terminal',
    })

  it('are so many for a session at once, and make room by themselves', () => {
    let now = 0
    const tickets = makeTickets(() => now)
    for (let i = 0; i < 32; i++) issue(tickets, 'one')
    expect(() => issue(tickets, 'one')).toThrow(expect.objectContaining({ code: 'tickets-full' }))
    expect(issue(tickets, 'two').expiresAt).toBe(30)
    now = 30_000
    expect(issue(tickets, 'one').expiresAt).toBe(60)
  })
})

describe('names and pages', () => {
  it('are those of this machine, and of the public URL where there is one', () => {
    const local = makeNames({})
    local.listensAt('http://127.0.0.1:7070')
    expect(local.uri()).toBe('http://127.0.0.1:7070')
    expect(['127.0.0.1:7070', 'localhost', '[::1]:9', '127.0.0.1:1'].every(local.answersTo)).toBe(true)
    expect(
      ['node.example', '127.0.0.1.example', 'localhost.example:80', '', undefined].some(local.answersTo),
    ).toBe(false)
    expect([null, 'http://localhost:5173', 'https://127.0.0.1'].every(local.mayAsk)).toBe(true)
    expect(['null', 'https://app.example', 'http://localhost.example', 'file://'].some(local.mayAsk)).toBe(
      false,
    )

    const known = makeNames({
      apiPublicUrl: 'https://node.example',
      apiHost: '192.0.2.7',
      apiPages: ['app.example'],
    })
    known.listensAt('http://192.0.2.7:7070')
    expect(known.uri()).toBe('https://node.example')
    expect(['node.example', '192.0.2.7:7070', 'localhost:7070'].every(known.answersTo)).toBe(true)
    expect(['node.example:81', '192.0.2.8:7070', 'app.example'].some(known.answersTo)).toBe(false)
    expect(['https://node.example', 'https://app.example', 'http://localhost:1'].every(known.mayAsk)).toBe(
      true,
    )
    expect(['https://app.example:444', 'https://x.app.example'].some(known.mayAsk)).toBe(false)
  })
})
