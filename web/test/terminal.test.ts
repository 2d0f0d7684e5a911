import { STREAM_WINDOW_BYTES } from '@decloud/protocol/wire/terminal'
import { expect, test } from 'vitest'
import { childOf, nameProblem, parentOf, sizeText } from '../src/features/files/paths.ts'
import { makeOutbox } from '../src/features/terminal/outbox.ts'

/** A guest behind sockets that drop: it has what came over each of them, up to where that broke. */
const makeFar = () => {
  let socket = ''
  const outbox = makeOutbox((bytes) => {
    socket += new TextDecoder().decode(bytes)
  })
  let had = ''
  return {
    outbox,
    had: () => had,
    /** @param arrives how much of what was sent over the last socket still got there. */
    reconnect: (arrives: number) => {
      outbox.hold()
      had += socket.slice(0, arrives)
      socket = ''
      outbox.go(had.length)
    },
    arrive: () => {
      had += socket
      socket = ''
      outbox.acknowledge(had.length)
    },
  }
}

test('wherever a socket breaks, the guest gets every byte that was typed once, in order', () => {
  for (let seed = 1; seed <= 50; seed++) {
    let state = seed
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return state % below
    }
    const far = makeFar()
    far.outbox.go(0)
    let typed = ''
    for (let i = 0; i < 60; i++) {
      const text = `${i},`.repeat(1 + random(40))
      typed += text
      far.outbox.put(text)
      if (random(3) === 0) far.reconnect(random(200))
      if (random(4) === 0) far.arrive()
    }
    far.reconnect(0)
    far.arrive()
    expect(far.had(), `seed ${seed}`).toBe(typed)
  }
})

test('no more is on its way than the window, and the rest follows what has arrived', () => {
  let sent = 0
  const outbox = makeOutbox((bytes) => {
    sent += bytes.length
  })
  outbox.put('x'.repeat(3 * STREAM_WINDOW_BYTES))
  expect(sent).toBe(0)
  outbox.go(0)
  expect(sent).toBe(STREAM_WINDOW_BYTES)
  outbox.acknowledge(1_000)
  expect(sent).toBe(STREAM_WINDOW_BYTES + 1_000)
  // What is beyond all bounds is not taken, rather than cut somewhere.
  outbox.put('y'.repeat(2 * STREAM_WINDOW_BYTES))
  outbox.acknowledge(STREAM_WINDOW_BYTES + 1_000)
  outbox.acknowledge(2 * STREAM_WINDOW_BYTES)
  expect(sent).toBe(3 * STREAM_WINDOW_BYTES)
})

test('a session of which this page has sent nothing counts from where it stands', () => {
  let text = ''
  const outbox = makeOutbox((bytes) => {
    text += new TextDecoder().decode(bytes)
  })
  outbox.put('early')
  outbox.reset(500)
  outbox.go(500)
  outbox.acknowledge(505)
  outbox.put('!')
  expect(text).toBe('early!')
})

test('paths have one spelling, and sizes a unit', () => {
  expect(childOf('/', 'a')).toBe('/a')
  expect(childOf('/a', 'b')).toBe('/a/b')
  expect([parentOf('/a/b'), parentOf('/a'), parentOf('/')]).toEqual(['/a', '/', '/'])
  for (const name of ['', '.', '..', 'a/b']) expect(nameProblem(name)).toBeTypeOf('string')
  expect(nameProblem('.bashrc')).toBeUndefined()
  expect([0, 1_023, 1_536, 200 * 2 ** 20, 3 * 2 ** 40].map(sizeText)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.5 KiB',
    '200 MiB',
    '3.0 TiB',
  ])
})
