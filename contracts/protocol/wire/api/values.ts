// Values that many answers hold. Amounts are µUSDC and prices µUSDC per hour, as decimal strings on the wire and bigint
// in code; times are unix seconds.
import { z } from 'zod'

export const bigintText = z.codec(z.string().regex(/^\d{1,78}$/, 'a decimal integer'), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => String(value),
})
export const addressText = z.templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]{40}$/)])
export const wordText = z.templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]{64}$/)])
export const hexText = z.templateLiteral(['0x', z.string().regex(/^(?:[0-9a-fA-F]{2})*$/)])

export const queryFlag = z.enum(['true', 'false']).transform((text) => text === 'true')
