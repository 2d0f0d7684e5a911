// ABI-encoded hex → values, by readers prepared once per type. They read the one canonical encoding, which is what
// Solidity writes, straight off the hex text. Whatever is not plainly that (bits beside a field, offsets that point
// elsewhere, data that ends early, digits in upper case) goes to viem: it alone says whether that means something.
import { type AbiParameter, type Address, decodeAbiParameters, getAddress, type Hex } from 'viem'

const WORD = 64
const ZEROS = '0'.repeat(WORD)
/** Digits of a number that JavaScript keeps exactly: 52 bits. */
const EXACT = 13
/** Of uint48, the widest that is given as a number. */
const NUMBER = 12

/** Thrown to leave the way of canonical data; never seen outside. */
const NOT_CANONICAL = Symbol('not canonical')

/** Reads the value whose encoding begins at character `at`. */
type Read = (text: string, at: number) => unknown
type Reader = {
  read: Read
  /** Words in the head: 1 for what lies elsewhere, at an offset. */
  words: number
  isDynamic: boolean
}

// Where the last dynamic value ended: the next one must begin there.
let end = 0

const LEADING = ZEROS.slice(0, WORD - NUMBER)
const LEADING_EXACT = ZEROS.slice(0, WORD - EXACT)

/** A small number in a whole word: a length, an offset, a field of up to 48 bits. */
const readNumber = (text: string, at: number): number => {
  if (at + WORD > text.length || !text.startsWith(LEADING, at)) throw NOT_CANONICAL
  return Number.parseInt(text.slice(at + WORD - NUMBER, at + WORD), 16)
}

const readBigint: Read = (text, at) => {
  if (at + WORD > text.length) throw NOT_CANONICAL
  return text.startsWith(LEADING_EXACT, at)
    ? BigInt(Number.parseInt(text.slice(at + WORD - EXACT, at + WORD), 16))
    : BigInt(`0x${text.slice(at, at + WORD)}`)
}

const readBool: Read = (text, at) => {
  const value = readNumber(text, at)
  if (value > 1) throw NOT_CANONICAL
  return value === 1
}

/** Few addresses recur in many logs, and a checksum is a hash: bounded, and begun anew when full. */
const MOST_ADDRESSES = 50_000
const checksums = new Map<string, Address>()

const readAddress: Read = (text, at) => {
  if (at + WORD > text.length) throw NOT_CANONICAL
  const digits = text.slice(at + WORD - 40, at + WORD)
  const known = checksums.get(digits)
  if (known !== undefined) return known
  if (checksums.size >= MOST_ADDRESSES) checksums.clear()
  const address = getAddress(`0x${digits}`)
  // The key is a copy: a slice would keep the whole of its log in memory.
  checksums.set(address.slice(2).toLowerCase(), address)
  return address
}

const fixedBytes =
  (size: number): Read =>
  (text, at) => {
    if (at + WORD > text.length) throw NOT_CANONICAL
    return `0x${text.slice(at, at + size * 2)}`
  }

/** The digits of `bytes` or `string`, padding left out. */
const readDigits = (text: string, at: number): string => {
  const digits = readNumber(text, at) * 2
  const from = at + WORD
  end = from + Math.ceil(digits / WORD) * WORD
  if (end > text.length) throw NOT_CANONICAL
  return text.slice(from, from + digits)
}

const readBytes: Read = (text, at) => `0x${readDigits(text, at)}`

const readString: Read = (text, at) => {
  const digits = readDigits(text, at)
  const bytes = new Uint8Array(digits.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16)
  return new TextDecoder().decode(bytes)
}

/** Values one after the other: their heads, then what the dynamic ones point at, in the same order. */
const readAll = (
  readers: readonly Reader[],
  headWords: number,
  text: string,
  at: number,
  into: Record<string | number, unknown>,
  names: readonly (string | number)[] | null,
): void => {
  let head = at
  let tail = at + headWords * WORD
  for (let i = 0; i < readers.length; i++) {
    const reader = readers[i]!
    const name = names === null ? i : names[i]!
    if (!reader.isDynamic) into[name] = reader.read(text, head)
    else {
      if (readNumber(text, head) * 2 !== tail - at) throw NOT_CANONICAL
      into[name] = reader.read(text, tail)
      tail = end
    }
    head += reader.words * WORD
  }
  end = tail
}

const wordsOf = (readers: readonly Reader[]) => readers.reduce((sum, { words }) => sum + words, 0)

const tupleOf = (components: readonly AbiParameter[]): Reader => {
  const readers = components.map(readerOf)
  const names = components.map(({ name }) => name ?? '')
  const isDynamic = readers.some((reader) => reader.isDynamic)
  const isNamed = names.every((name) => name !== '') && names.length > 0
  const words = wordsOf(readers)
  const read: Read = (text, at) => {
    if (!isNamed) throw NOT_CANONICAL
    const value: Record<string, unknown> = {}
    readAll(readers, words, text, at, value, names)
    return value
  }
  return { read, isDynamic, words: isDynamic ? 1 : words }
}

const repeat = (element: Reader, length: number, text: string, at: number): unknown[] => {
  // Before an array of that size is made: a length is only a claim.
  if (element.words === 0 || at + length * element.words * WORD > text.length) throw NOT_CANONICAL
  const values: unknown[] = []
  const readers = new Array<Reader>(length).fill(element)
  // An array takes its values by their index: `null` for the names makes every key a number.
  readAll(readers, length * element.words, text, at, values as unknown as Record<number, unknown>, null)
  return values
}

const arrayOf = (element: Reader, length: number | null): Reader =>
  length === null
    ? {
        read: (text, at) => repeat(element, readNumber(text, at), text, at + WORD),
        words: 1,
        isDynamic: true,
      }
    : {
        read: (text, at) => repeat(element, length, text, at),
        words: element.isDynamic ? 1 : length * element.words,
        isDynamic: element.isDynamic,
      }

const oneWord = (read: Read): Reader => ({ read, words: 1, isDynamic: false })
const elsewhere = (read: Read): Reader => ({ read, words: 1, isDynamic: true })

const readerOf = (parameter: AbiParameter): Reader => {
  const { type } = parameter
  const array = /^(.*)\[(\d*)\]$/.exec(type)
  if (array !== null) {
    const [, inner = '', length = ''] = array
    return arrayOf(readerOf({ ...parameter, type: inner }), length === '' ? null : Number(length))
  }
  if (type === 'tuple' && 'components' in parameter) return tupleOf(parameter.components)
  if (type === 'address') return oneWord(readAddress)
  if (type === 'bool') return oneWord(readBool)
  if (type === 'string') return elsewhere(readString)
  if (type === 'bytes') return elsewhere(readBytes)
  if (type.startsWith('bytes')) return oneWord(fixedBytes(Number(type.slice(5))))
  if (type.startsWith('uint')) return oneWord(Number(type.slice(4)) <= NUMBER * 4 ? readNumber : readBigint)
  // A type that no contract of ours uses: viem reads it.
  return oneWord(() => {
    throw NOT_CANONICAL
  })
}

const CANONICAL = /^0x[0-9a-f]*$/

/**
 * Prepares the decoding of values that lie one after the other, as in a log's data or a topic.
 * @param names under which each value is put into `into`.
 * @returns a decoder; what it puts there equals viem's `decodeAbiParameters`.
 * @throws the errors of `decodeAbiParameters` for data that does not decode.
 */
export const makeDecoder = (parameters: readonly AbiParameter[], names: readonly string[]) => {
  const readers = parameters.map(readerOf)
  const words = wordsOf(readers)
  return (data: Hex, into: Record<string, unknown>): void => {
    try {
      if (data.length % 2 !== 0 || !CANONICAL.test(data)) throw NOT_CANONICAL
      readAll(readers, words, data, 2, into, names)
    } catch (thrown) {
      if (thrown !== NOT_CANONICAL) throw thrown
      decodeAbiParameters(parameters, data).forEach((value, i) => {
        into[names[i]!] = value
      })
    }
  }
}
