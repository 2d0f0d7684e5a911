export type Backoff = { readonly baseMs: number; readonly capMs: number }

export const BACKOFF: Backoff = { baseMs: 1_000, capMs: 60_000 }

/**
 * Equal jitter: between half and the whole of `min(cap, base·2^(attempt−1))`, so that many leases do not retry in step
 * and none retries at once.
 * @param attempt failures in a row, from 1.
 * @param random uniform in [0, 1).
 */
export const backoffMs = (attempt: number, random: number, { baseMs, capMs }: Backoff): number => {
  const whole = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30))
  return Math.ceil(whole / 2 + (whole / 2) * random)
}
