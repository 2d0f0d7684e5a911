// The serial console between a real WebSocket and the simulated machine; the libvirt driver keeps the same contract.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { STREAM_CLOSE } from '@decloud/protocol/wire/terminal'
import type { Hex } from 'viem'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { serveConsole } from '../../src/api/serve-console.ts'
import { makeConsoles } from '../../src/console/consoles.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../../src/hypervisor/fake/machine.ts'
import type { Hypervisor } from '../../src/ports/hypervisor.ts'
import type { Visitor } from '../../src/ports/visitor.ts'
import { connectStream } from '../helpers/stream-client.ts'
import { paperSpec } from '../hypervisor/spec.ts'

const LEASE: Hex = '0xa1'
const quiet = { info: () => {}, warn: () => {}, error: () => {} }

let stack: AsyncDisposableStack
let machine: SimulatedMachine
let hypervisor: Hypervisor
let allowed: boolean
let events: string[]
let connect: () => ReturnType<typeof connectStream>
let stop: () => Promise<void>

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  machine = new SimulatedMachine()
  hypervisor = makeFakeHypervisor(machine, 'fake')
  await hypervisor.ensureNetwork({ name: 'decloud', subnet: '10.77.0.0/24', mode: 'isolated' })
  await hypervisor.define(paperSpec(LEASE))
  allowed = true
  const heard: string[] = []
  events = heard
  const consoles = makeConsoles({ hypervisor, events: { record: ({ kind }) => void heard.push(kind) } })
  stop = () => consoles.close()
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    const visitor: Visitor = {
      ...{ address: '0x00000000000000000000000000000000000000A1', leaseId: LEASE, level: 'tenant' },
      ...{ until: 2 ** 40, still: async () => allowed },
    }
    serveConsole(socket, visitor, consoles, quiet)
  })
  await once(server, 'listening')
  stack.defer(async () => {
    await consoles.close()
    for (const client of server.clients) client.terminate()
    server.close()
  })
  connect = () => connectStream(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { acks: false })
})
afterEach(() => stack.disposeAsync())

const open = async () => {
  const client = await connect()
  await client.until('opened', () => client.replies.length > 0)
  expect(client.replies).toEqual([{ type: 'opened' }])
  return client
}

test('what is typed comes to the guest, and its answer back', async () => {
  await hypervisor.start(LEASE)
  const client = await open()
  client.type('root\r')
  await client.until('a prompt', () => client.text().includes('login: '))
  expect(client.text()).toMatch(/^root\r\n/)
  client.tell({ type: 'ping', at: 5 })
  await client.until('pong', () => client.replies.length === 2)
})

test('a second reader takes over, and the first is told so', async () => {
  await hypervisor.start(LEASE)
  const first = await open()
  const second = await open()
  expect(await first.closed).toBe(STREAM_CLOSE.takenOver)
  expect(first.replies.at(-1)).toMatchObject({ type: 'error', code: 'taken-over' })
  second.type('x')
  await second.until('the echo', () => second.text() === 'x')
  second.socket.close()
  await second.closed
  await expect.poll(() => events.filter((kind) => kind === 'console.closed').length).toBe(2)
  await open()
})

test('the console ends with the guest, and says so; one that is off has none', async () => {
  const early = await connect()
  expect(await early.closed).toBe(STREAM_CLOSE.unreachable)
  expect(early.replies).toMatchObject([{ type: 'error', code: 'guest-not-running' }])
  await hypervisor.start(LEASE)
  const client = await open()
  await hypervisor.destroy(LEASE)
  expect(await client.closed).toBe(STREAM_CLOSE.ended)
  expect(client.replies.at(-1)).toMatchObject({ type: 'error', code: 'guest-off' })
})

test('a lost hypervisor and a stopping agent each have their word; nobody keeps a stream', async () => {
  await hypervisor.start(LEASE)
  machine.disconnect()
  const lost = await connect()
  expect(await lost.closed).toBe(STREAM_CLOSE.unreachable)
  expect(lost.replies).toMatchObject([{ type: 'error', code: 'guest-unreachable' }])
  machine.reconnect()
  const client = await open()
  await stop()
  expect(await client.closed).toBe(STREAM_CLOSE.stopping)
  expect(events).toEqual(['console.opened', 'console.closed'])
})

test('a frame that is not one of the console closes it', async () => {
  await hypervisor.start(LEASE)
  const client = await open()
  client.tell({ type: 'resize', cols: 80, rows: 24 })
  expect(await client.closed).toBe(STREAM_CLOSE.malformed)
})
