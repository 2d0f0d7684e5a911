// Every contract that is listened to, once: its name in a deployment, and its ABI.
import type { Address } from 'viem'
import {
  downtimeQuorumAbi,
  leaseAccessAbi,
  leaseDeskAbi,
  leaseEscrowAbi,
  leaseMandatesAbi,
  nodeRegistryAbi,
  payoutsAbi,
  premiumStakeAbi,
  pricePolicyAbi,
  reputationAbi,
  reviewsAbi,
  templateRegistryAbi,
} from './abi/index.ts'

/** The first six every deployment has; those after them, around the escrow, it may have. */
export const CONTRACTS = {
  leaseEscrow: leaseEscrowAbi,
  leaseDesk: leaseDeskAbi,
  downtimeQuorum: downtimeQuorumAbi,
  leaseMandates: leaseMandatesAbi,
  nodeRegistry: nodeRegistryAbi,
  pricePolicy: pricePolicyAbi,
  templateRegistry: templateRegistryAbi,
  leaseAccess: leaseAccessAbi,
  reviews: reviewsAbi,
  reputation: reputationAbi,
  premiumStake: premiumStakeAbi,
  payouts: payoutsAbi,
} as const
export type ContractKey = keyof typeof CONTRACTS

// The keys of CONTRACTS are ContractKey; Object.keys forgets it.
export const CONTRACT_KEYS = Object.keys(CONTRACTS) as readonly ContractKey[]

type Around = 'templateRegistry' | 'leaseAccess' | 'reviews' | 'reputation' | 'premiumStake' | 'payouts'

/** Where they are. A `Deployment` is one. */
export type ContractAddresses = Record<Exclude<ContractKey, Around>, Address> &
  Partial<Record<Around, Address | undefined>>

/** Everything that is listened to. */
export const addressesOf = (deployment: ContractAddresses): Address[] =>
  CONTRACT_KEYS.map((key) => deployment[key]).filter((address) => address !== undefined)
