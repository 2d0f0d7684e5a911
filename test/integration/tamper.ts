// Changes words of storage behind the contracts' backs, where the layout is found by what lies there.
import { type Address, encodeAbiParameters, type Hex, keccak256, toHex } from 'viem'
import { local } from './audit-market.ts'

/** One key of a mapping. */
export type Key = readonly [type: 'bytes32' | 'uint32' | 'uint256' | 'address', key: unknown]

/** Mappings and plain variables of any contract here lie in the first slots. */
const SLOTS = 40n

const within = (slot: bigint, [type, key]: Key): bigint =>
  BigInt(keccak256(encodeAbiParameters([{ type }, { type: 'uint256' }], [key as never, slot])))

const wordAt = async (address: Address, slot: bigint): Promise<bigint> =>
  BigInt((await local.anvil.client.getStorageAt({ address, slot: toHex(slot, { size: 32 }) })) ?? '0x0')

/**
 * The slot of a variable, or of what a mapping (of mappings) holds for `keys`, found by its content: the layout may move
 * without a word here.
 */
export const findSlot = async (
  address: Address,
  keys: readonly Key[],
  holds: (word: bigint) => boolean,
): Promise<bigint> => {
  for (let base = 0n; base < SLOTS; base++) {
    const slot = keys.reduce(within, base)
    const word = await wordAt(address, slot)
    if (word !== 0n && holds(word)) return slot
  }
  throw new Error(`nothing of ${address} holds that for ${keys.join(', ')}`)
}

/** Adds to the word at `slot`. */
export const tamper = async (address: Address, slot: bigint, by: bigint): Promise<void> => {
  const value = toHex((await wordAt(address, slot)) + by, { size: 32 })
  await local.anvil.client.setStorageAt({ address, index: toHex(slot, { size: 32 }), value })
  await local.anvil.client.mine({ blocks: 1 })
}

export const low = (word: bigint, bits: bigint): bigint => word & ((1n << bits) - 1n)

export const isAddress =
  (account: Hex) =>
  (word: bigint): boolean =>
    low(word, 160n) === BigInt(account)
