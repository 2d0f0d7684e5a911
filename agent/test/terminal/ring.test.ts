import { expect, test } from 'vitest'
import { makeRing } from '../../src/terminal/ring.ts'

const all = (ring: ReturnType<typeof makeRing>, from: number) => {
  let text = ''
  while (from + text.length < ring.end()) text += ring.read(from + text.length, 3).toString('latin1')
  return text
}

test('whatever the chunks, the ring holds the newest bytes, each under its own offset', () => {
  const stream = Array.from({ length: 400 }, (_, i) => String.fromCharCode(33 + ((i * 7) % 90))).join('')
  for (const step of [1, 3, 7, 8, 9, 20]) {
    const ring = makeRing(8)
    for (let at = 0; at < stream.length; at += step) {
      ring.push(Buffer.from(stream.slice(at, at + step), 'latin1'))
      const end = Math.min(at + step, stream.length)
      expect([ring.start(), ring.end()]).toEqual([Math.max(0, end - 8), end])
      for (let from = ring.start(); from <= end; from++) expect(all(ring, from)).toBe(stream.slice(from, end))
    }
  }
})

test('what was read stays as it was when the ring goes on', () => {
  const ring = makeRing(4)
  ring.push(Buffer.from('abcd'))
  const read = ring.read(0, 4)
  ring.push(Buffer.from('efgh'))
  expect(read.toString()).toBe('abcd')
})
