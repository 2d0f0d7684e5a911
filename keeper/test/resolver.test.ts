// Names that strangers chose are looked up without the machine's own resolver: it has four threads, and waits long.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makePost } from '../src/adapters/alerts/post.ts'
import { makeResolve } from '../src/adapters/alerts/resolver.ts'

const A = 1
/** The answer to a DNS question: one address of this machine's network for type A, none for others. */
const answerTo = (query: Buffer, ip: string): Buffer => {
  const end = query.indexOf(0, 12) + 5
  const question = query.subarray(12, end)
  const isA = question.readUInt16BE(question.length - 4) === A
  const head = Buffer.from([query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0])
  const record = Buffer.from([0xc0, 0x0c, 0, A, 0, 1, 0, 0, 0, 0, 0, 4, ...ip.split('.').map(Number)])
  return Buffer.concat([head, question, ...(isA ? [record] : [])])
}

let silent: Socket
let talking: Socket
const asked: string[] = []
const serverOf = (socket: Socket) => `127.0.0.1:${socket.address().port}`

beforeAll(async () => {
  silent = createSocket('udp4').bind(0, '127.0.0.1')
  talking = createSocket('udp4').bind(0, '127.0.0.1')
  await Promise.all([once(silent, 'listening'), once(talking, 'listening')])
  silent.on('message', () => asked.push('silent'))
  talking.on('message', (query, { port, address }) => {
    talking.send(answerTo(query, '10.1.2.3'), port, address)
  })
})
afterAll(() => {
  silent?.close()
  talking?.close()
})

describe('a name', () => {
  it('has the addresses that its server tells, and is not posted to when these are private', async () => {
    const resolve = makeResolve({ servers: [serverOf(talking)] })
    const { signal } = new AbortController()
    expect(await resolve('hook.example', signal)).toEqual(['10.1.2.3'])
    expect(await resolve('203.0.113.7', signal)).toEqual(['203.0.113.7'])
    const post = makePost({ testLoopback: false, resolve })
    expect(await post('https://hook.example/', {}, '{}', signal)).toEqual({
      outcome: 'failed',
      why: 'hook.example has an address that is not public',
    })
  })

  it('whose server never answers is given up with the caller, and keeps no thread', async () => {
    const resolve = makeResolve({ servers: [serverOf(silent)] })
    const abort = new AbortController()
    const names = Array.from({ length: 16 }, (_, i) => `slow-${i}.example`)
    const waiting = names.map((name) => resolve(name, abort.signal))
    const deadline = AbortSignal.timeout(5_000)
    while (asked.length < names.length) {
      deadline.throwIfAborted()
      await new Promise((next) => setTimeout(next, 10))
    }
    // Files are read by the threads that a look-up by the machine's resolver would hold.
    await stat('/')
    const began = performance.now()
    abort.abort()
    expect(await Promise.all(waiting)).toEqual(names.map(() => []))
    expect(performance.now() - began).toBeLessThan(1_000)
  })
})
