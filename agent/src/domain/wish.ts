import type { Hex } from 'viem'

export type Wish = {
  readonly power: 'on' | 'off'
  /** Unix ms of the newest order; 0 for none. */
  readonly rebootAtMs: number
  readonly reinstallAtMs: number
  readonly restoreAtMs: number
  /** Of that restore: the ended lease whose disk this one takes over; null for its own. */
  readonly restoreFrom: Hex | null
}

export const NO_WISH: Wish = {
  power: 'on',
  rebootAtMs: 0,
  reinstallAtMs: 0,
  restoreAtMs: 0,
  restoreFrom: null,
}
