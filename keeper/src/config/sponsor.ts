// Whose gas this keeper pays for, and how much of it. What gas costs in USDC follows from `upkeep.gasCoinUsdc`.

import { coins, usdc } from '@decloud/service/config'
import { z } from 'zod'

const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most)

export const sponsorSection = z
  .strictObject({
    enabled: z.boolean().default(false).describe('pay the gas of what tenants signed'),
    perAddressCount: count(1, 1_000)
      .default(10)
      .describe(
        'calls for one address a UTC day; one that the contract refused after it was sent counts twice',
      ),
    perAddressUsdc: usdc.default(500_000n).describe('USDC of gas for one address a UTC day'),
    perOriginCount: count(1, 100_000)
      .default(30)
      .describe('calls from one IPv4 address, or one IPv6 /64, a UTC day'),
    budgetUsdc: usdc.default(20_000_000n).describe('USDC of gas in all, a UTC day'),
    maxReverts: count(1, 100)
      .default(3)
      .describe('after so many refused calls an address pays for itself until the next day'),
    minDepositUsdc: usdc
      .default(500_000n)
      .describe('USDC that a lease must pay in for its opening to be paid'),
    maxCostBps: count(1, 10_000)
      .default(500)
      .describe('basis points of the money that a call moves that may be spent on its gas'),
    maxManifestBytes: count(0, 16_384).default(4_096).describe('longest sealed manifest in an opening'),
    keepCoins: coins.default(10n ** 18n).describe("gas coins that are kept for the keeper's own chores"),
  })
  .prefault({})
export type SponsorConfig = z.output<typeof sponsorSection>
