// Nodes of equal score are told apart by a hash of block, lease and node: nobody can arrange to come first, and over many
// leases each gets its share. Not a cryptographic hash: there is nothing to gain that a salt would not give as well.
import type { Hex } from 'viem'

const mix = (value: number): number => {
  // The finalizer of MurmurHash3.
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return (h ^ (h >>> 16)) >>> 0
}

const absorb = (seed: number, word: Hex): number => {
  let h = seed
  for (let at = 2; at < word.length; at += 8) {
    h = mix((Math.imul(h, 31) + Number.parseInt(word.slice(at, at + 8), 16)) | 0)
  }
  return h
}

/** One 32-bit word for the request at this block. */
export const tieSeed = (blockHash: Hex, leaseId: Hex): number =>
  absorb(absorb(0x9e37_79b9, blockHash), leaseId)

/** The higher comes first. */
export const tieOf = (seed: number, node: number): number => mix(seed ^ Math.imul(node, 0x9e37_79b1))
