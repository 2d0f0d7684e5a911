import { expect, it } from 'vitest'
import { z } from 'zod'
import { compileAnswer } from '../src/http/serializer.ts'

const shape = z.strictObject({
  word: z.enum(['one', 'two']).nullable(),
  text: z.string().nullable(),
  count: z.number().nullable(),
})

it.each([
  { word: 'one', text: 'a', count: 1 },
  { word: null, text: null, count: null },
] as const)('writes %o, alone and as one of several shapes', (value) => {
  expect(JSON.parse(compileAnswer(shape)(value))).toEqual(value)
  const either = z.union([z.strictObject({ value: shape }), z.strictObject({ unknown: z.string() })])
  const write = compileAnswer(z.object({ fact: either }))
  expect(JSON.parse(write({ fact: { value } }))).toEqual({ fact: { value } })
  expect(JSON.parse(write({ fact: { unknown: 'why' } }))).toEqual({ fact: { unknown: 'why' } })
})

it('lets nothing out that the schema does not name', () => {
  const told = { word: null, text: 'a', count: 1, secret: 'b' }
  expect(compileAnswer(shape)(told)).not.toContain('secret')
})
