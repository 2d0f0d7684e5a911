// Indexed arguments as the 32-byte words of a log's topics.
import { type Address, type Hex, pad, toHex } from 'viem'

export const numberWord = (value: number): Hex => pad(toHex(value), { size: 32 })
export const addressWord = (address: Address): Hex => pad(address.toLowerCase() as Hex, { size: 32 })

export const sameText = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.every((part, i) => part === b[i]))
