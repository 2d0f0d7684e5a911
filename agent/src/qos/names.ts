import { createHash } from 'node:crypto'
import type { Hex } from 'viem'

// An interface name has 15 characters: 2 of ours, 4 for the agent (21 bits), 9 for the lease (46 bits).
const digits = (text: string, length: number) =>
  BigInt(`0x${createHash('sha256').update(text).digest('hex')}`)
    .toString(36)
    .slice(-length)

export const ifbPrefix = (instance: string): string => `dq${digits(instance, 4)}`

/** The device through which what comes from the lease's guest is sent, so that it can be queued. */
export const ifbName = (instance: string, leaseId: Hex): string =>
  ifbPrefix(instance) + digits(`${instance}\0${leaseId.toLowerCase()}`, 9)
