// Which contracts, on which chain. A deployment file is `deployments/<chainId>.json`; a local one lives with its chain.
import { type Address, getAddress } from 'viem'
import { z } from 'zod'

/** Circle's native USDC by chain. Source: Circle's list of contract addresses. */
export const USDC_ADDRESSES: Readonly<Record<number, Address>> = {
  137: '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359',
  80002: '0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582',
}

/** Least priority fee in wei: Polygon's validators drop transactions under 25 gwei. */
export const MIN_PRIORITY_FEE: Readonly<Record<number, bigint>> = {
  137: 25_000_000_000n,
  80002: 25_000_000_000n,
}

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an address is 0x and 40 hex digits')
  .transform((text): Address => getAddress(text))

export const deploymentSchema = z.strictObject({
  chainId: z.int().positive(),
  usdc: address,
  leaseEscrow: address,
  /** The three that the escrow created and keeps for ever. */
  leaseDesk: address,
  downtimeQuorum: address,
  leaseMandates: address,
  nodeRegistry: address,
  pricePolicy: address,
  /** Owner of policy, desk, quorum and the list of attesters. */
  timelock: address.optional(),
  /** What stands around the escrow, holds no lease money and may be replaced. */
  templateRegistry: address.optional(),
  leaseAccess: address.optional(),
  reviews: address.optional(),
  reputation: address.optional(),
  premiumStake: address.optional(),
  payouts: address.optional(),
  /** Reads all of the above in one call; holds nothing, and nothing reads it. */
  deCloudLens: address.optional(),
  /** The block of the first contract: logs are read from here. */
  fromBlock: z.int().nonnegative(),
})
export type Deployment = z.output<typeof deploymentSchema>
