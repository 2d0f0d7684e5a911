// Values that many answers hold. Amounts are µUSDC and prices µUSDC per hour, as decimal strings on the wire and bigint
// in code; times are unix seconds.
import { type Address, getAddress } from 'viem'
import { z } from 'zod'

export const bigintText = z.codec(
  z
    .string()
    .regex(/^\d{1,78}$/, 'a decimal integer')
    .meta({ examples: ['20500'] }),
  z.bigint(),
  { decode: (text) => BigInt(text), encode: (value) => String(value) },
)
export const addressText = z
  .templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]{40}$/)])
  .meta({ examples: ['0x00000000000000000000000000000000000000a1'] })
/** In a request: spelled as anyone likes, checksummed from there on. */
export const addressParam = addressText.transform((text): Address => getAddress(text))
export const wordText = z
  .templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]{64}$/)])
  .meta({ examples: [`0x${'0'.repeat(63)}1`] })
export const hexText = z
  .templateLiteral(['0x', z.string().regex(/^(?:[0-9a-fA-F]{2})*$/)])
  .meta({ examples: ['0x'] })

/** An index that a registry gave, from 1. In a path or a query it is text. */
export const indexText = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, 'a whole number from 1')
  .refine((text) => Number(text) <= 0xffff_ffff, 'at most 4294967295')
  .transform(Number)

export const queryFlag = z.enum(['true', 'false']).transform((text) => text === 'true')

/** Text to look for: words, the last one may be a beginning. */
export const searchText = z.string().trim().min(1).max(100)

/** Unix seconds in a query. */
export const secondsText = z
  .string()
  .regex(/^\d{1,10}$/, 'unix seconds')
  .transform(Number)

/** What every list takes. */
export const pagingFields = {
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'a whole number from 1 to 200')
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 200, 'from 1 to 200')
    .default(50)
    .describe('Rows of a page, 1 to 200; 50 unless said otherwise'),
  cursor: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe('`next` of the page before, with the same filters and sort'),
}

/** `next` is `null` on the last page. */
export const nextCursor = z.string().nullable()
