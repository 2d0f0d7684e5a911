// What happened and what was logged, as an operator reads it, through the command line, without an agent.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { openEventLog } from '../../src/events/event-log.ts'
import { pretty } from '../../src/logs/line.ts'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const LEASE = `0x${'ab'.repeat(32)}` as const
const OTHER = `0x${'cd'.repeat(32)}` as const
const NOW = Date.parse('2026-11-21T16:00:00.000Z')

let folder: string
let env: Record<string, string>
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decloud-verbs-'))
  env = { ...bareEnv(), DECLOUD_DATA_DIR: folder }
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const run = (args: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr }),
    )
  })

/** A verb that goes on until it is told to stop; `lines` grows. */
const following = (args: string[]) => {
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (part: Buffer) => {
    text += part
  })
  const shows = (part: string) =>
    vi.waitFor(() => expect(text).toContain(part), { timeout: 30_000, interval: 50 })
  const stop = async () => {
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    return { code: code as number, text }
  }
  return { shows, stop }
}

const log = (nowMs = () => NOW) =>
  openEventLog({
    path: join(folder, 'events.db'),
    nowMs,
    onError: (error) => {
      throw error
    },
  })

describe('events', { timeout: 120_000 }, () => {
  it('says that there are none before an agent has ever run', async () => {
    expect(await run(['events'])).toMatchObject({ code: 0, stdout: 'no such events\n' })
    expect(JSON.parse((await run(['events', '--json'])).stdout)).toEqual({ events: [] })
  })

  it('picks by lease, by kind or group, by time and by number, the newest last', async () => {
    let now = NOW
    const written = log(() => now)
    written.record({ kind: 'vm.state', leaseId: LEASE, message: 'first' })
    written.record({ kind: 'outage.begun', leaseId: LEASE, message: 'second', details: { cause: 'crashed' } })
    now = Date.now()
    written.record({ kind: 'vm.state', leaseId: OTHER, by: '0xme', message: 'third' })
    written.record({ kind: 'vmx.odd', message: 'fourth' })
    written.close()
    const messages = async (...args: string[]) => {
      const { events } = JSON.parse((await run(['events', '--json', ...args])).stdout) as {
        events: { message: string }[]
      }
      return events.map(({ message }) => message)
    }
    expect(await messages()).toEqual(['first', 'second', 'third', 'fourth'])
    expect(await messages('--lease', '0xABAB')).toEqual(['first', 'second'])
    expect(await messages('--kind', 'vm,outage.begun')).toEqual(['first', 'second', 'third'])
    expect(await messages('--since', '1h')).toEqual(['third', 'fourth'])
    expect(await messages('--since', '2026-11-21T15:00:00Z', '--lines', '2')).toEqual(['third', 'fourth'])
    const { stdout } = await run(['events', '--lease', OTHER])
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d vm\.state +0xcdcdcdcd… third \(by 0xme\)\n$/)
    for (const bad of [
      ['--since', 'soon'],
      ['--lease', 'x'],
      ['--lines', '0'],
    ])
      expect((await run(['events', ...bad])).code).toBe(2)
  })

  it('follows what comes while it looks, and nothing twice', async () => {
    const written = log()
    written.record({ kind: 'vm.state', message: 'before' })
    const { shows, stop } = following(['events', '--follow', '--json', '--kind', 'vm'])
    await shows('before')
    for (let i = 0; i < 5; i++) written.record({ kind: 'feed.stale', message: `passed over ${i}` })
    for (let i = 0; i < 30; i++) written.record({ kind: 'vm.state', message: `after ${i};` })
    await shows('after 29;')
    written.close()
    const { code, text } = await stop()
    expect(code).toBe(0)
    const messages = text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { message: string }).message)
    expect(messages).toEqual(['before', ...Array.from({ length: 30 }, (_, i) => `after ${i};`)])
  })

  it('names a log that cannot be read', async () => {
    await writeFile(join(folder, 'events.db'), 'x'.repeat(9_000))
    const { code, stderr } = await run(['events'])
    expect(code).toBe(1)
    expect(stderr).toContain('cannot be read')
  })
})

describe('logs', { timeout: 120_000 }, () => {
  const line = (level: number, msg: string, more: object = {}, time = NOW) =>
    `${JSON.stringify({ level, time, pid: 1, hostname: 'h', name: 'node', ...more, msg })}\n`
  let path: string
  beforeEach(() => {
    path = join(folder, 'agent.log')
    env = { ...env, DECLOUD_LOG_FILE: path }
  })

  it('is pretty for people and raw for programs', async () => {
    const said = line(40, 'step failed', { leaseId: LEASE, step: 'Start', code: 'x y' })
    await writeFile(path, `${line(30, 'agent up')}Segmentation fault\n${said}`)
    const { stdout } = await run(['logs'])
    expect(stdout.split('\n')).toEqual([
      '2026-11-21 16:00:00.000 INFO  agent up',
      'Segmentation fault',
      '2026-11-21 16:00:00.000 WARN  step failed lease=0xabababab… step=Start code="x y"',
      '',
    ])
    expect((await run(['logs', '--json', '--level', 'warn', '--lines', '1'])).stdout).toBe(said)
  })

  it('leaves out what is older, of less weight or too much', async () => {
    const old = line(50, 'old')
    await writeFile(path, `${old}${[1, 2, 3].map((i) => line(30, `new ${i}`, {}, Date.now())).join('')}`)
    expect((await run(['logs', '--since', '1h'])).stdout).not.toContain('old')
    expect((await run(['logs', '--lines', '2'])).stdout).toMatch(/new 2\n.*new 3\n$/)
    expect((await run(['logs', '--level', 'error'])).stdout).toMatch(/^\S+ \S+ ERROR old\n$/)
  })

  it('follows the file as it grows, a line that comes in two parts, and the next file after a rotation', async () => {
    await writeFile(path, line(30, 'first'))
    const { shows, stop } = following(['logs', '--follow'])
    await shows('first')
    const whole = line(30, 'in-two-parts')
    await appendFile(path, whole.slice(0, 40))
    await appendFile(path, `${whole.slice(40)}${line(30, 'second')}`)
    await shows('second')
    await rename(path, `${path}.1`)
    await writeFile(path, line(30, 'third'))
    await shows('third')
    const { code, text } = await stop()
    expect(code).toBe(0)
    expect(text.match(/first|in-two-parts|second|third/g)).toEqual([
      'first',
      'in-two-parts',
      'second',
      'third',
    ])
  })

  it('names a log that is nowhere', async () => {
    const { code, stderr } = await run(['logs'])
    expect(code).toBe(1)
    expect(stderr).toContain(path)
  })

  it('shows what an error was, and cuts what would fill the screen', () => {
    const shown = pretty(
      line(50, 'broken', { err: { message: 'no socket', stack: 'long' }, detail: 'd'.repeat(999) }),
    )
    expect(shown).toContain('error="no socket"')
    expect(shown.length).toBeLessThan(400)
  })
})
