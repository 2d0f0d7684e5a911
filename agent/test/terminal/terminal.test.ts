// A terminal between a real WebSocket and a real SSH connection; the shell at the far end is the test's own.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { STREAM_CLOSE, STREAM_WINDOW_BYTES } from '@decloud/protocol/wire/terminal'
import type { Hex } from 'viem'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { serveTerminal } from '../../src/api/serve-terminal.ts'
import type { GuestLogin } from '../../src/ports/guest-login.ts'
import type { Visitor } from '../../src/ports/visitor.ts'
import { makeTerminals, TERMINAL_LIMITS, type TerminalLimits } from '../../src/terminal/terminals.ts'
import { type PlayedShell, type SshGuest, startSshGuest } from '../helpers/ssh-guest.ts'
import { connectStream, type StreamClient } from '../helpers/stream-client.ts'

const LEASE: Hex = `0x${'a1'.repeat(32)}`
const TENANT = '0x00000000000000000000000000000000000000A1'
const OTHER = '0x00000000000000000000000000000000000000b2'

let stack: AsyncDisposableStack
let guest: SshGuest
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  guest = await startSshGuest()
  stack.defer(() => guest.close())
})
afterEach(() => stack.disposeAsync())

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** The agent's end. Who comes is said in the URL: nothing here is about who may. */
const serve = async (limits: Partial<TerminalLimits> = {}, login?: Partial<GuestLogin>) => {
  const events: string[] = []
  const revoked = new Set<string>()
  const terminals = makeTerminals({
    enterGuest: async () => ({ ...guest.login, ...login }),
    events: { record: ({ kind }) => void events.push(kind) },
    limits: { ...TERMINAL_LIMITS, ...limits },
  })
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket, request) => {
    const [, address = '', leaseId = ''] = (request.url ?? '').split('/')
    const visitor = {
      ...{ address, leaseId, level: 'user', until: 2 ** 40 },
      still: async () => !revoked.has(address),
    } as Visitor
    serveTerminal(socket, visitor, terminals, quiet)
  })
  await once(server, 'listening')
  stack.defer(async () => {
    await terminals.close()
    for (const client of server.clients) client.terminate()
    server.close()
  })
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  const connect = (options?: Parameters<typeof connectStream>[1], address = TENANT, leaseId = LEASE) =>
    connectStream(`${url}/${address}/${leaseId}`, options)
  return { terminals, connect, events, revoked, server }
}

const size = { cols: 80, rows: 24 }
const opened = async (client: StreamClient) => {
  client.tell({ type: 'open', ...size })
  await client.until('opened', () => client.replies.length > 0)
  const [reply] = client.replies
  if (reply?.type !== 'opened') throw new Error(JSON.stringify(reply))
  return { session: reply.session, shell: guest.shells.at(-1) as PlayedShell }
}
const resume = (client: StreamClient, session: string, offset: number) =>
  client.tell({ type: 'resume', session, offset, ...size })
const drop = async (client: StreamClient) => {
  client.socket.terminate()
  await client.closed
}
/** The guest has nobody of the agent inside. */
const gone = () => holds(() => guest.connections().open === 0)
const holds = (what: () => boolean) => expect.poll(what, { timeout: 15_000, interval: 10 }).toBe(true)

test('what is typed reaches the shell, what it prints comes back, and it learns of every new size', async () => {
  const { connect } = await serve()
  const client = await connect()
  const { shell } = await opened(client)
  client.type('uname\r')
  await holds(() => shell.typed() === 'uname\r')
  shell.channel.write('Linux\r\n')
  await client.until('the answer', () => client.text() === 'Linux\r\n')
  client.tell({ type: 'resize', cols: 132, rows: 43 })
  await holds(() => shell.sizes.length === 2)
  expect(shell.sizes).toEqual([
    [80, 24],
    [132, 43],
  ])
  client.tell({ type: 'ping', at: 7 })
  await client.until('pong', () => client.replies.at(-1)?.type === 'pong')
  expect(client.replies.filter(({ type }) => type === 'ack').at(-1)).toEqual({ type: 'ack', received: 6 })
  shell.channel.write('bye')
  shell.channel.exit(3)
  shell.channel.end()
  expect(await client.closed).toBe(STREAM_CLOSE.ended)
  expect(client.text()).toBe('Linux\r\nbye')
  expect(client.replies.at(-1)).toEqual({ type: 'exit', code: 3, signal: null })
})

test('a socket that drops at random moments loses no byte and repeats none, either way', async () => {
  const { connect } = await serve()
  // The shell prints a numbered stream and is sent one; both ends keep the books.
  const lines = Array.from({ length: 400_000 }, (_, i) => `${i}\n`).join('')
  let client = await connect()
  const { session, shell } = await opened(client)
  let printed = 0
  const print = () => {
    while (printed < lines.length) {
      const piece = lines.slice(printed, printed + 997)
      printed += piece.length
      if (!shell.channel.write(piece)) {
        shell.channel.once('drain', print)
        return
      }
    }
  }
  print()
  let seen = ''
  let typed = 0
  let round = 0
  for (; seen.length < lines.length; round++) {
    expect(round).toBeLessThan(2_000)
    const goal = Math.min(seen.length + 1_000 + ((round * 7_919) % 9_000), lines.length)
    const now = client
    const before = seen
    for (let i = 0; i < 3; i++) now.type(`${typed++},`)
    await now.until('more output', () => before.length + now.bytes() >= goal)
    now.socket.terminate()
    await now.closed
    seen = before + now.text()
    if (seen.length >= lines.length) break
    client = await connect({ offset: seen.length })
    resume(client, session, seen.length)
    await client.until('resumed', () => client.replies.length > 0)
    const [reply] = client.replies
    if (reply?.type !== 'resumed') throw new Error(JSON.stringify(reply))
    expect(reply).toMatchObject({ offset: seen.length, lost: 0 })
    // What the guest has not had is sent again, from exactly there.
    const sent = Array.from({ length: typed }, (_, i) => `${i},`).join('')
    if (reply.received < sent.length) client.type(sent.slice(reply.received))
  }
  expect(seen === lines).toBe(true)
  expect(round).toBeGreaterThan(10)
  const sent = Array.from({ length: typed }, (_, i) => `${i},`).join('')
  await holds(() => shell.typed().length >= sent.length || client.socket.readyState !== client.socket.OPEN)
  expect(sent.startsWith(shell.typed())).toBe(true)
})

test('while nobody looks the program goes on, and what the ring could not keep is counted', async () => {
  const { connect } = await serve({ patientMs: 1 })
  const first = await connect()
  const { session, shell } = await opened(first)
  await drop(first)
  const total = 4 * STREAM_WINDOW_BYTES
  const stream = Buffer.alloc(total, 'x')
  for (let at = 0; at < total; at += 6) stream.write(String(at % 1_000_000).padStart(6, '0'), at)
  shell.channel.write(stream)
  shell.channel.write('!')
  const second = await connect({ offset: total + 1 - 2 * STREAM_WINDOW_BYTES })
  // Asked again until the guest's whole output has come to the agent: then the ring is what it is.
  await expect
    .poll(
      async () => {
        const probe = await connect({ acks: false })
        resume(probe, session, 0)
        await probe.until('resumed', () => probe.replies.length > 0)
        const [reply] = probe.replies
        await drop(probe)
        return reply?.type === 'resumed' ? reply.lost : reply
      },
      { timeout: 20_000 },
    )
    .toBe(total + 1 - 2 * STREAM_WINDOW_BYTES)
  resume(second, session, 0)
  await second.until('the rest', () => second.bytes() === 2 * STREAM_WINDOW_BYTES)
  const [reply] = second.replies
  expect(reply).toMatchObject({ type: 'resumed', lost: total + 1 - 2 * STREAM_WINDOW_BYTES })
  expect(second.text()).toBe(`${stream.toString('latin1')}!`.slice(-2 * STREAM_WINDOW_BYTES))
})

test('a browser that does not acknowledge stops the guest, not the memory of the agent', async () => {
  const { connect } = await serve()
  const client = await connect({ acks: false })
  const { shell } = await opened(client)
  let written = 0
  const block = Buffer.alloc(32 * 1024, 'y')
  const fill = () => {
    // Bounded: a channel that never says stop would be the failure that this looks for.
    while (written < 64 << 20) {
      written += block.length
      if (!shell.channel.write(block)) return
    }
  }
  shell.channel.on('drain', fill)
  fill()
  await client.until('a full window', () => client.bytes() >= STREAM_WINDOW_BYTES)
  await expect
    .poll(
      async () => {
        const before = written
        await new Promise((resolve) => setTimeout(resolve, 300))
        return written - before
      },
      { timeout: 20_000 },
    )
    .toBe(0)
  expect(client.bytes()).toBe(STREAM_WINDOW_BYTES)
  expect(written).toBeLessThan(16 << 20)
  client.tell({ type: 'ack', offset: client.bytes() })
  await client.until('more', () => client.bytes() >= 2 * STREAM_WINDOW_BYTES)
})

test('a program that does not read stops the browser', async () => {
  const { connect, server } = await serve()
  guest.onShell(({ channel }) => channel.pause())
  const client = await connect()
  await opened(client)
  const block = 'z'.repeat(60 * 1024)
  for (let i = 0; i < 200; i++) client.type(block)
  const [socket] = [...server.clients]
  await holds(() => socket?.isPaused === true)
  expect(client.socket.bufferedAmount).toBeGreaterThan(0)
  const [shell] = guest.shells
  shell?.channel.resume()
  await holds(() => shell?.typed().length === 200 * block.length)
})

test('only the same address on the same lease may resume; a second socket takes the place of the first', async () => {
  const { connect } = await serve()
  const client = await connect()
  const { session, shell } = await opened(client)
  for (const [address, leaseId] of [
    [OTHER, LEASE],
    [TENANT, `0x${'b2'.repeat(32)}`],
  ] as const) {
    const thief = await connect({}, address, leaseId)
    resume(thief, session, 0)
    expect(await thief.closed).toBe(STREAM_CLOSE.unknown)
    expect(thief.bytes()).toBe(0)
  }
  const second = await connect({}, TENANT.toLowerCase())
  resume(second, session, 0)
  expect(await client.closed).toBe(STREAM_CLOSE.takenOver)
  expect(client.replies.at(-1)).toMatchObject({ type: 'error', code: 'taken-over' })
  shell.channel.write('here')
  await second.until('output', () => second.text() === 'here')
})

test('a session ends when it is left too long, lies idle, is closed, or its visitor loses the grant', async () => {
  const { connect, events, revoked } = await serve({ detachedMs: 200, idleMs: 1_500, visitorMs: 50 })
  const left = await connect()
  const { session } = await opened(left)
  await drop(left)
  await gone()
  const late = await connect()
  resume(late, session, 0)
  expect(await late.closed).toBe(STREAM_CLOSE.unknown)

  const idle = await connect()
  await opened(idle)
  expect(await idle.closed).toBe(STREAM_CLOSE.idle)
  await gone()

  const done = await connect()
  await opened(done)
  done.tell({ type: 'close' })
  expect(await done.closed).toBe(STREAM_CLOSE.ended)
  await gone()

  const guestOf = await connect({}, OTHER)
  await opened(guestOf)
  revoked.add(OTHER)
  expect(await guestOf.closed).toBe(STREAM_CLOSE.refused)
  await gone()
  expect(events.filter((kind) => kind === 'terminal.opened')).toHaveLength(4)
  expect(events.filter((kind) => kind === 'terminal.closed')).toHaveLength(4)
})

test('a lease has so many terminals, and one that is closed makes room', async () => {
  const { connect } = await serve({ perLease: 2, perNode: 3 })
  const [a, b] = [await connect(), await connect()]
  await opened(a)
  await opened(b)
  const refused = await connect()
  refused.tell({ type: 'open', ...size })
  expect(await refused.closed).toBe(STREAM_CLOSE.tooMany)
  expect(refused.replies).toMatchObject([{ type: 'error', code: 'terminal-too-many' }])
  const lease = `0x${'c3'.repeat(32)}` as Hex
  await opened(await connect({}, TENANT, lease))
  // The node's three are taken: no second one for anybody, and yet a first one for a neighbour.
  const full = await connect({}, TENANT, lease)
  full.tell({ type: 'open', ...size })
  expect(await full.closed).toBe(STREAM_CLOSE.tooMany)
  const neighbour = await connect({}, TENANT, `0x${'d4'.repeat(32)}`)
  await opened(neighbour)
  for (const client of [neighbour, a]) {
    client.tell({ type: 'close' })
    await client.closed
  }
  await opened(await connect())
})

test('who waits for a guest that is slow to answer may ask whether anybody is there, and change the size', async () => {
  const { connect } = await serve()
  const client = await connect()
  client.tell({ type: 'open', ...size })
  client.tell({ type: 'ping', at: 3 })
  client.tell({ type: 'resize', cols: 100, rows: 30 })
  await client.until('opened', () => client.replies.some(({ type }) => type === 'opened'))
  expect(client.replies[0]).toEqual({ type: 'pong', at: 3 })
  await holds(() => guest.shells[0]?.sizes.length === 2)
  expect(guest.shells[0]?.sizes.at(-1)).toEqual([100, 30])
})

test('a guest with another host key, one that refuses the login and one that is not there each have their sentence', async () => {
  const strange = await startSshGuest()
  stack.defer(() => strange.close())
  const cases = [
    [{ hostKey: strange.login.hostKey }, 'guest-host-key'],
    [{ privateKey: strange.login.privateKey }, 'guest-login-refused'],
    [{ port: 1 }, 'guest-unreachable'],
  ] as const
  for (const [login, code] of cases) {
    const { connect } = await serve({}, login)
    const client = await connect()
    client.tell({ type: 'open', ...size })
    expect(await client.closed).toBe(STREAM_CLOSE.unreachable)
    expect(client.replies).toMatchObject([{ type: 'error', code }])
  }
  expect(guest.shells).toEqual([])
})

test('a guest that is powered off ends the terminal with its last words, and a stopping agent says so', async () => {
  const { connect, terminals } = await serve()
  const client = await connect()
  const { shell } = await opened(client)
  shell.channel.write('last words')
  await client.until('the words', () => client.text() === 'last words')
  guest.cut()
  expect(await client.closed).toBe(STREAM_CLOSE.ended)
  expect(client.replies.at(-1)).toMatchObject({ type: 'error', code: 'guest-hung-up' })
  const other = await connect()
  await opened(other)
  await terminals.close()
  expect(await other.closed).toBe(STREAM_CLOSE.stopping)
  await gone()
})

test('a frame that is not one of the stream closes the socket, and leaves the session to whoever resumes', async () => {
  const { connect } = await serve()
  for (const frame of ['{', '{"type":"resize"}', '{"type":"open","cols":0,"rows":1}', 'x'.repeat(2_000)]) {
    const client = await connect()
    client.socket.send(frame)
    expect(await client.closed).toBe(STREAM_CLOSE.malformed)
  }
  const eager = await connect()
  eager.type('too early')
  expect(await eager.closed).toBe(STREAM_CLOSE.malformed)
  const client = await connect()
  const { session, shell } = await opened(client)
  client.socket.send('{"type":"resize","cols":-1,"rows":5}')
  expect(await client.closed).toBe(STREAM_CLOSE.malformed)
  const again = await connect()
  resume(again, session, 5)
  expect(await again.closed).toBe(STREAM_CLOSE.malformed)
  const last = await connect()
  resume(last, session, 0)
  shell.channel.write('still here')
  await last.until('output', () => last.text() === 'still here')
})

test.each([
  ['asks', (client: StreamClient) => client.tell({ type: 'ping', at: 1 })],
  ['types', (client: StreamClient) => client.type('.')],
])('a peer that %s on and on and takes no answer is hung up on before they cost memory', async (_, knock) => {
  const { connect, server } = await serve()
  const arrived = once(server, 'connection')
  const client = await connect()
  const [own, { socket }] = (await arrived) as [WebSocket, IncomingMessage]
  await opened(client)
  // As if the peer's buffers, and the kernel's, were full.
  socket.cork()
  let waiting = 0
  own.on('close', () => clearInterval(look))
  const look = setInterval(() => {
    for (let i = 0; i < 500; i++) knock(client)
    waiting = Math.max(waiting, own.bufferedAmount)
  }, 1)
  await client.closed
  expect(waiting).toBeLessThan(1 << 20)
})

test('a peer that acknowledges what it has not taken is hung up on as well', async () => {
  const { connect, server } = await serve()
  const arrived = once(server, 'connection')
  const client = await connect({ acks: false })
  const [own, { socket }] = (await arrived) as [WebSocket, IncomingMessage]
  const { shell } = await opened(client)
  socket.cork()
  let claimed = 0
  let waiting = 0
  const print = () => {
    while (!shell.channel.destroyed && shell.channel.write('x'.repeat(64 * 1024)));
  }
  shell.channel.on('drain', print)
  print()
  // Never more than was sent: that would be malformed.
  const look = setInterval(() => {
    waiting = Math.max(waiting, own.bufferedAmount)
    while (claimed + 128 * 1024 < own.bufferedAmount) {
      claimed += 64 * 1024
      client.tell({ type: 'ack', offset: claimed })
    }
    if (waiting > 16 << 20) client.socket.terminate()
  }, 1)
  own.on('close', () => clearInterval(look))
  await client.closed
  expect(waiting).toBeLessThan(4 << 20)
})
