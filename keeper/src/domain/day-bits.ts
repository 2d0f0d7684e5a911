// One bit for each slot of a UTC day. Setting one twice is setting it once: whatever counts by it counts nothing twice.
import { SLOTS_PER_DAY } from '@decloud/protocol/wire/heartbeat'

/** 720 bytes; slot `i` of the day is bit `i % 8` of byte `i / 8`. */
export type DayBits = Uint8Array

const BYTES = SLOTS_PER_DAY / 8

export const dayOf = (slot: number): number => Math.floor(slot / SLOTS_PER_DAY)
export const firstSlotOf = (day: number): number => day * SLOTS_PER_DAY

export const noBits = (): DayBits => new Uint8Array(BYTES)

export const setSlot = (bits: DayBits, slot: number): void => {
  const place = slot % SLOTS_PER_DAY
  bits[place >> 3]! |= 1 << (place & 7)
}

export const hasSlot = (bits: DayBits, slot: number): boolean => {
  const place = slot % SLOTS_PER_DAY
  return (bits[place >> 3]! & (1 << (place & 7))) !== 0
}

/** The slots of `day` that lie in [`from`, `to`). */
export const setSpan = (bits: DayBits, day: number, from: number, to: number): void => {
  const first = Math.max(from, firstSlotOf(day))
  const end = Math.min(to, firstSlotOf(day + 1))
  for (let slot = first; slot < end; ) {
    const wholeByte = slot % 8 === 0 && slot + 8 <= end
    if (wholeByte) bits[(slot % SLOTS_PER_DAY) >> 3] = 0xff
    else setSlot(bits, slot)
    slot += wholeByte ? 8 : 1
  }
}

export const both = (a: DayBits, b: DayBits): DayBits => a.map((byte, i) => byte & b[i]!)
export const without = (a: DayBits, b: DayBits): DayBits => a.map((byte, i) => byte & ~b[i]!)

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

export const countBits = (bits: DayBits): number => bits.reduce((sum, byte) => sum + ONES[byte]!, 0)
