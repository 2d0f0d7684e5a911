// Whose gas this keeper pays for, and how much of it. Off unless said otherwise.
import { z } from 'zod'
import { coins, flag, usdc } from './fields.ts'

export const sponsorSection = z
  .strictObject({
    enabled: flag.default(false),
    /** What one gas coin is worth, for the limits below. Rather too high than too low. */
    coinUsdc: usdc.default(1_000_000n),
    /** Calls for one address a UTC day; one that the contract refused after it was sent counts twice. */
    perAddressCount: z.coerce.number().int().min(1).max(1_000).default(10),
    perAddressUsdc: usdc.default(500_000n),
    /** Calls from one IPv4 address, or one IPv6 /64, a UTC day. */
    perOriginCount: z.coerce.number().int().min(1).max(100_000).default(30),
    /** All gas of one UTC day. */
    budgetUsdc: usdc.default(20_000_000n),
    /** After so many refused calls an address has to pay for itself until the next day. */
    maxReverts: z.coerce.number().int().min(1).max(100).default(3),
    minDepositUsdc: usdc.default(500_000n),
    /** Gas may cost this part of the money that a call moves, in hundredths of a per cent. */
    maxCostBps: z.coerce.number().int().min(1).max(10_000).default(500),
    maxManifestBytes: z.coerce.number().int().min(0).max(16_384).default(4_096),
    /** Gas coins that are kept for the keeper's own chores. */
    keepCoins: coins.default(10n ** 18n),
  })
  .prefault({})
export type SponsorConfig = z.output<typeof sponsorSection>
