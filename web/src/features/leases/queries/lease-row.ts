import type { LeaseStatus, Terms } from '@decloud/protocol/lease'
import type { Hex } from 'viem'

/** One line of the list, whoever it was read from. */
export type LeaseRow = {
  leaseId: Hex
  terms: Pick<Terms, 'vcpus' | 'memoryMiB' | 'diskGiB'>
  status: LeaseStatus
  node: number
  pricePerHour: bigint
  deposited: bigint
  /** Unix seconds; 0 unless active. */
  runsOutAt: number
}
