import { type Hex, isHex } from 'viem'

/** @returns the id as it is kept; null when it is none. */
export const leaseIdIn = (text: string): Hex | null => {
  const leaseId = text.toLowerCase()
  return isHex(leaseId) && leaseId.length === 66 ? leaseId : null
}
