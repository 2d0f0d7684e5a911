// Logs as our contracts might write them, from a seed: any event, any arguments of its types.
import {
  type Abi,
  type AbiEvent,
  type AbiParameter,
  type Address,
  encodeAbiParameters,
  encodeEventTopics,
  type Hex,
} from 'viem'

export { randomFrom } from './random.ts'

export type Random = () => number

export const pick = <item>(random: Random, items: readonly item[]): item =>
  items[Math.floor(random() * items.length)]!

export const randomHex = (random: Random, bytes: number): Hex => {
  let digits = ''
  for (let i = 0; i < bytes; i++)
    digits += Math.floor(random() * 256)
      .toString(16)
      .padStart(2, '0')
  return `0x${digits}`
}

const LETTERS = ['a', 'B', '7', ' ', '"', '\\', 'é', '語', '\u{1f680}', '\u0000', '\ufeff']

/** Small and large alike: the length in bits is what is drawn evenly. */
const randomUint = (random: Random, bits: number): bigint => {
  const wanted = BigInt(Math.floor(random() * (bits + 1)))
  return BigInt(randomHex(random, bits / 8)) & ((1n << wanted) - 1n)
}

/** A value of the type, as viem takes it. `lengthOf` bounds arrays, texts and bytes. */
const randomValue = (random: Random, parameter: AbiParameter, lengthOf = 40): unknown => {
  const { type } = parameter
  const array = /^(.*)\[(\d*)\]$/.exec(type)
  if (array !== null) {
    const [, inner = '', fixed = ''] = array
    const length = fixed === '' ? Math.floor(random() * Math.min(lengthOf, 12)) : Number(fixed)
    return Array.from({ length }, () => randomValue(random, { ...parameter, type: inner }, lengthOf))
  }
  if ('components' in parameter) {
    return Object.fromEntries(
      parameter.components.map((part) => [part.name!, randomValue(random, part, lengthOf)]),
    )
  }
  if (type === 'address') return randomHex(random, 20) as Address
  if (type === 'bool') return random() < 0.5
  if (type === 'string') {
    return Array.from({ length: Math.floor(random() * lengthOf) }, () => pick(random, LETTERS)).join('')
  }
  if (type === 'bytes') return randomHex(random, Math.floor(random() * lengthOf))
  if (type.startsWith('bytes')) return randomHex(random, Number(type.slice(5)))
  const bits = Number(type.slice(4))
  const value = randomUint(random, bits)
  return bits <= 48 ? Number(value) : value
}

export const eventsIn = (abi: Abi): AbiEvent[] =>
  abi.filter((item): item is AbiEvent => item.type === 'event')

/** Topics and data of an event with these arguments. */
export const encodeEvent = (event: AbiEvent, args: Readonly<Record<string, unknown>>) => {
  const rest = event.inputs.filter((input) => !input.indexed)
  return {
    // An ABI known only at run time: viem cannot tell the types of its arguments.
    topics: encodeEventTopics({ abi: [event], eventName: event.name, args } as never) as Hex[],
    data: encodeAbiParameters(rest, rest.map((input) => args[input.name!]) as never),
  }
}

export const randomArgs = (random: Random, event: AbiEvent, lengthOf = 40): Record<string, unknown> =>
  Object.fromEntries(event.inputs.map((input) => [input.name!, randomValue(random, input, lengthOf)]))
