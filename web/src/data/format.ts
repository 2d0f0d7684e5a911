// Numbers as people read them. Pure; every figure here is for display, never for arithmetic.
import { divUp, USDC } from '@decloud/protocol/units'

/** µUSDC with `decimals` digits, rounded half up: 12_500_000n → "12.50". */
export const usdc = (amount: bigint, decimals = 2): string => {
  const unit = 10n ** BigInt(6 - decimals)
  const sign = amount < 0n ? '-' : ''
  const abs = amount < 0n ? -amount : amount
  const rounded = (abs + unit / 2n) / unit
  const scale = 10n ** BigInt(decimals)
  const whole = (rounded / scale).toString().replace(/\B(?=(\d{3})+$)/g, ',')
  return decimals === 0
    ? `${sign}${whole}`
    : `${sign}${whole}.${(rounded % scale).toString().padStart(decimals, '0')}`
}

/** Rounded up to the cent, for "you need at least": rounding a shortfall down would leave it short. */
export const usdcUp = (amount: bigint): string => usdc(divUp(amount, USDC / 100n) * (USDC / 100n))

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** The two leading units: 93_784 → "1 d 2 h". Seconds in, floored; nothing below zero. */
export const duration = (seconds: number): string => {
  let rest = Math.max(0, Math.floor(seconds))
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    if (parts.length === 2) break
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${unit}`)
    else if (parts.length > 0) break
  }
  return parts.length === 0 ? '0 s' : parts.join(' ')
}

/** Unix seconds as local date and time. */
export const moment = (seconds: number): string =>
  new Date(seconds * 1_000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })

export const memory = (mib: number | bigint): string => {
  const n = Number(mib)
  return n >= 1_024 ? `${Number.isInteger(n / 1_024) ? n / 1_024 : (n / 1_024).toFixed(1)} GiB` : `${n} MiB`
}

export const short = (hex: string): string => `${hex.slice(0, 6)}…${hex.slice(-4)}`

/** Eight bytes of ASCII, zero-padded: "eu-west"; anything outside printable ASCII is dropped. */
export const regionName = (bytes8: string): string => {
  let text = ''
  for (let i = 2; i < bytes8.length; i += 2) {
    const code = Number.parseInt(bytes8.slice(i, i + 2), 16)
    if (code >= 0x20 && code < 0x7f) text += String.fromCharCode(code)
  }
  return text.trim()
}
