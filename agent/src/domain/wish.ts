export type Wish = {
  readonly power: 'on' | 'off'
  /** Unix ms of the newest order; 0 for none. */
  readonly rebootAtMs: number
  readonly reinstallAtMs: number
  readonly restoreAtMs: number
}

export const NO_WISH: Wish = { power: 'on', rebootAtMs: 0, reinstallAtMs: 0, restoreAtMs: 0 }
