// Terms, states and ids of leases. Mirrors contracts/src/types/DataTypes.sol.
import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { leaseEscrowAbi } from './abi/index.ts'
import type { Resources } from './pricing.ts'

/** Mirror of Solidity `Terms`; see DataTypes.sol for every unit. */
export type Terms = Resources & {
  tenant: Address
  node: number
  region: Hex
  maxPricePerHour: bigint
  deposit: bigint
  holdBack: number
  minNotice: number
  activateWithin: number
  template: number
  templateVersion: number
  maxTemplateFee: bigint
  manifestHash: Hex
  salt: Hex
}

export const LEASE_STATUSES = ['None', 'Requested', 'Assigned', 'Active', 'Ended'] as const
export type LeaseStatus = (typeof LEASE_STATUSES)[number]

export const END_REASONS = [
  'None',
  'ClosedByTenant',
  'ReclaimedByOperator',
  'Depleted',
  'Expired',
  'Cancelled',
] as const
export type EndReason = (typeof END_REASONS)[number]

const termsParameter = (() => {
  const open = leaseEscrowAbi.find((item) => item.type === 'function' && item.name === 'open')
  return (open as Extract<typeof open, { name: 'open' }>).inputs[0]
})()

/** `keccak256(abi.encode(chainId, escrow, terms))`, as `LeaseEscrow.leaseIdOf` computes it. */
export const leaseIdOf = (chainId: number, escrow: Address, terms: Terms): Hex =>
  keccak256(
    encodeAbiParameters(
      [{ type: 'uint256' }, { type: 'address' }, termsParameter],
      [BigInt(chainId), escrow, terms],
    ),
  )

/** `keccak256(abi.encode(leaseIds))`, as `LeaseEscrow.openStack` returns it. */
export const stackIdOf = (leaseIds: readonly Hex[]): Hex =>
  keccak256(encodeAbiParameters([{ type: 'bytes32[]' }], [leaseIds]))
