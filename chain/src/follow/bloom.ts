// The filter in each header: which addresses and topics the logs of the block have. It never says no of one that is there.
import { type Hex, hexToBytes, keccak256 } from 'viem'

const BITS = 2_048

/** @param bloom 256 bytes. @param value an address or a topic. */
export const mayHold = (bloom: Uint8Array, value: Hex): boolean => {
  const hash = keccak256(value, 'bytes')
  return [0, 2, 4].every((at) => {
    const bit = ((hash[at]! << 8) | hash[at + 1]!) % BITS
    return (bloom[BITS / 8 - 1 - (bit >>> 3)]! & (1 << (bit & 7))) !== 0
  })
}

/**
 * Whether a yes means anything. With half of its bits set the filter says yes to one value in eight by chance, and the
 * blocks of a busy chain set nearly all.
 */
export const isTelling = (bloom: Uint8Array): boolean => {
  let set = 0
  for (const byte of bloom) for (let rest = byte; rest !== 0; rest &= rest - 1) set += 1
  return set * 2 <= BITS
}

/** `null` for a header that carries none. */
export const bloomOf = (hex: Hex | null): Uint8Array | null =>
  hex === null || hex.length !== 2 + BITS / 4 ? null : hexToBytes(hex)
