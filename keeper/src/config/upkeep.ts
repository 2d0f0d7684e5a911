// What the chores may cost, and how transactions are priced.

import { seconds, usdc } from '@decloud/service/config'
import { parseGwei } from 'viem'
import { z } from 'zod'

const count = (most: number) => z.coerce.number().int().min(1).max(most)

export const upkeepSection = z
  .strictObject({
    gasCoinUsdc: usdc
      .default(1_000_000n)
      .describe('USDC that one gas coin is taken to be worth; too high only makes the keeper thriftier'),
    gasCapBps: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(500)
      .transform(BigInt)
      .describe('basis points of what a settlement, release or renewal moves that may be spent on its gas'),
    choreGasUsdc: usdc
      .default(50_000n)
      .describe('USDC of gas at most for a chore that earns nobody anything: to expire or end a lease'),
    roundGasUsdc: usdc.default(5_000_000n).describe('USDC of gas at most in one round of chores'),
    roundChores: count(10_000).default(200).describe('transactions at most in one round of chores'),
    jitterSeconds: z.coerce
      .number()
      .min(0)
      .max(600)
      .default(5)
      .describe('longest random wait before a round, so that two keepers seldom do the same at once'),
    maxFeeGwei: z.coerce
      .number()
      .positive()
      .max(1_000_000)
      .default(2_000)
      .transform((gwei) => parseGwei(String(gwei)))
      .describe('gwei per gas that no transaction pays more than; above it the keeper waits'),
    replaceAfterSeconds: seconds
      .default(30)
      .describe('a transaction that is not mined for so long is sent again with higher fees'),
  })
  .prefault({})
